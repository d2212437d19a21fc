"""What goes together is told in one place, is what the docs say, and runs."""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing
from pathlib import Path
from typing import Any

import pytest
import torch
from compose_runs import on, plain, said, write_models
from hypothesis import given
from hypothesis import strategies as st

from workshop.stages import STAGES, settings_of
from workshop.stages.compose import (
    COLUMNS,
    DEVICES,
    NEEDS,
    RULES,
    check,
    device_notes,
    pairs,
    refusals,
    table,
    together,
)
from workshop.stages.settings import TECHNIQUES, Settings, declared, kind_is_literal
from workshop.util.errors import UsageError

DOCS = Path(__file__).parents[1] / "docs" / "composes.md"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    write_models(directory)
    return directory


def test_the_docs_have_the_table_of_the_rules() -> None:
    """And what they say of devices; both are to be printed anew when a rule changes."""
    for part in (table, device_notes):
        assert part() in DOCS.read_text(encoding="utf-8"), (
            f"docs/composes.md must hold what this prints: python -c "
            f"'from workshop.stages.compose import {part.__name__} as p; print(p())'"
        )


# How a technique is done: with another value of these, nothing is or is not a technique.
DETAILS = {"dtype", "compile_mode", "group_size", "draft_tokens"}


def values_of(name: str) -> tuple[Any, ...]:
    """The values that a setting can have; none where it is a number or a text."""
    said, kind, _ = declared()[name]
    return said.choices or (typing.get_args(kind) if kind_is_literal(kind) else ())


@pytest.mark.parametrize("name", sorted(set(TECHNIQUES) - DETAILS))
def test_every_technique_of_the_settings_is_in_the_table(name: str) -> None:
    """With each of its values but the one that runs have anyway."""
    brought = {changes[name] for changes in COLUMNS.values() if name in changes}
    assert brought
    _, _, default = declared()[name]
    assert not values_of(name) or brought == {*values_of(name)} - {default}


def test_drawing_is_in_the_table_although_it_is_no_technique() -> None:
    assert {"temperature": 0.8, "top_k": 50, "top_p": 0.9} in COLUMNS.values()


@given(st.sets(st.sampled_from(list(COLUMNS)), min_size=3), st.sampled_from([None, *DEVICES]))
def test_several_go_together_where_every_two_of_them_do(
    names: set[str], device: str | None
) -> None:
    two = [together(*pair) for pair in itertools.combinations(sorted(names), 2)]
    if any(settings is None or refusals(settings, device) for settings in two):
        return
    changes: dict[str, Any] = {}
    for name in names:
        changes = NEEDS.get(name, {}) | changes | COLUMNS[name]
    assert refusals(plain(**changes), device) == []


@pytest.mark.parametrize(
    ("device", "advice"),
    [
        ("cuda", "use --kernels triton or --kernels torch"),
        ("mps", "device mps: use --kernels torch"),
    ],
)
def test_kernels_for_a_cpu_are_refused_with_those_that_run_there(device: str, advice: str) -> None:
    """And what is advised is not refused in turn."""
    (sentence,) = refusals(plain(kernels="cpp"), device)
    assert sentence.endswith(advice)
    for other in re.findall(r"--kernels (\w+)", advice):
        assert refusals(plain(kernels=other), device) == []


def test_no_stage_is_refused() -> None:
    for name in STAGES:
        assert refusals(settings_of(name), "cpu") == []
        assert refusals(settings_of(name), "cuda") == []


def run(one: str, other: str) -> Any:
    settings = together(one, other)
    assert settings is not None
    return pytest.param(settings, id=f"{one} and {other}")


HERE = [(one, other) for one, other, _ in pairs("cpu")]


@pytest.mark.parametrize(
    "settings",
    [run(*pair) for pair in HERE if not {"compile", "ranks"} & set(pair)],
)
def test_what_is_said_to_go_together_runs(models: Path, settings: Settings) -> None:
    """On a CPU, as it is; with ranks, in test_compose_ranks.py. The text is as long as asked for,

    and, where nothing is drawn and no weight is rounded otherwise, the plain one.
    """
    short = on(models, settings)
    texts = said(short)
    assert [len(tokens) for tokens in texts] == [5] * short.batch_size
    if settings.temperature == 0:
        same = on(models, plain(quantize=settings.quantize, group_size=settings.group_size))
        assert texts == said(same) * short.batch_size


# With ranks in test_compose_ranks.py, with flex, which takes long, in test_llm_attention.py.
COMPILED = [
    run(*pair) for pair in HERE if pair[0] == "compile" and pair[1] not in ("ranks", "flex")
]


@pytest.mark.parametrize("settings", COMPILED)
def test_what_is_said_to_go_together_compiles_without_a_break(
    models: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into whole graphs; what is made of them is not looked at here, for the sake of time."""
    torch._dynamo.reset()
    real = torch.compile

    def traced(function: Any, backend: Any = "eager", options: Any = None, **how: Any) -> Any:
        return real(function, backend=backend, **how)

    monkeypatch.setattr(torch, "compile", traced)
    short = on(models, settings, draft_tokens=1)
    assert said(short) == said(dataclasses.replace(short, compile=False))


@pytest.mark.parametrize("speculate", ["none", "draft", "self", "prompt-lookup"])
def test_the_same_seed_draws_the_same_tokens(models: Path, speculate: str) -> None:
    drawn = on(models, plain(speculate=speculate, temperature=1.0, seed=3), new_tokens=20)
    assert said(drawn) == said(drawn)
    assert said(drawn) != said(dataclasses.replace(drawn, seed=4))


def test_a_sequence_of_a_batch_draws_what_it_would_draw_first(models: Path) -> None:
    """The same again for the first; others have seeds of their own."""
    one = on(models, plain(temperature=1.0, seed=3), new_tokens=20)
    first, second = said(dataclasses.replace(one, batch_size=2))
    assert [first] == said(one)
    assert second != first


REFUSED: list[tuple[dict[str, Any], str | None, str]] = [
    ({"speculate": "draft", "batch_size": 2}, None, "speculation handles one sequence"),
    ({"speculate": "self", "prompts": ("Once",)}, None, "speculation handles one sequence"),
    ({"speculate": "prompt-lookup", "decode_steps": 2}, None, "leave out one of the two"),
    ({"adaptive": True}, None, "add --speculate draft"),
    ({"draft": "tiny"}, None, "--draft names a model that nothing uses"),
    ({"compile_mode": "max-autotune"}, None, "add --compile"),
    ({"top_k": 5}, None, "add --temperature 1"),
    ({"top_p": 0.5}, None, "add --temperature 1"),
    ({"kernels": "triton"}, "cpu", "the Triton kernels need a GPU"),
    ({"ranks": 2}, "mps", "ranks cannot exchange anything between Apple's GPUs"),
]


@pytest.mark.parametrize(("changes", "device", "says"), REFUSED)
def test_what_does_not_go_together_is_refused_with_what_to_do(
    changes: dict[str, Any], device: str | None, says: str
) -> None:
    settings = plain(**changes)
    assert len(refusals(settings, device)) == 1
    with pytest.raises(UsageError, match=says):
        check(settings, device)


def any_value_of(name: str) -> st.SearchStrategy[Any]:
    """Values of a setting, few enough that the rules about them meet."""
    said, kind, default = declared()[name]
    if kind is bool:
        return st.booleans()
    if values := values_of(name):
        return st.sampled_from(values)
    least = int(said.least or 0)
    return st.sampled_from([default, *range(least, least + 3)])


DRAWING = {"temperature": st.sampled_from([0.0, 0.7]), "top_k": st.sampled_from([None, 5])}
fields = {name: any_value_of(name) for name in TECHNIQUES} | DRAWING


@given(st.fixed_dictionaries(fields), st.sampled_from(DEVICES))
def test_a_refusal_is_a_sentence_that_says_what_to_do(changes: dict[str, Any], device: str) -> None:
    """And what is refused while the device is not known yet is refused on every device."""
    settings = plain(**changes)
    found = refusals(settings, device)
    assert len(set(found)) == len(found) <= len(RULES)
    for sentence in found:
        assert "{" not in sentence
        assert not sentence.endswith(".")
        assert any(word in sentence for word in (": use ", ": add ", ": leave out "))
    assert {s.partition(":")[0] for s in refusals(settings)} <= {s.partition(":")[0] for s in found}
