"""Ways to store weights by name: a new one is added everywhere, or refused with a sentence."""

from __future__ import annotations

import click
import pytest

from workshop.cli.model import quantize, way_of
from workshop.cli.quality import chosen
from workshop.cli.quality import quality as measure_quality
from workshop.llm.quantization.int4 import GROUP_SIZES
from workshop.llm.quantization.quantize import INT8, Quantization
from workshop.stages.settings import WEIGHT_BITS
from workshop.util.errors import UsageError


@pytest.mark.parametrize("method", WEIGHT_BITS)
def test_every_way_has_its_own_name(method: str) -> None:
    assert way_of(method, None).method == method
    assert chosen(method, None) == [way_of(method, None)]


def test_a_group_size_is_kept_and_defaults_to_the_smallest() -> None:
    assert way_of("int4", "128") == Quantization("int4", 128)
    assert way_of("int4", None) == Quantization("int4", min(GROUP_SIZES))
    assert way_of("int8", None) == INT8


@pytest.mark.parametrize("unknown", ["int3", "fp8", "none", "", "INT8", "int44"])
def test_an_unknown_way_is_neither_int4_nor_all_of_them(unknown: str) -> None:
    for attempt in (way_of, chosen):
        with pytest.raises(UsageError, match=r"cannot store weights in .*: use int8 or int4"):
            attempt(unknown, None)


def test_without_a_method_every_way_is_measured() -> None:
    every = chosen(None, None)
    assert {how.method for how in every} == set(WEIGHT_BITS)
    assert {how.group_size for how in every if how.method == "int4"} == set(GROUP_SIZES)
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("command", [quantize, measure_quality])
def test_the_commands_offer_the_ways_that_the_settings_know(command: click.Command) -> None:
    (option,) = (one for one in command.params if one.name == "method")
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == list(WEIGHT_BITS)
