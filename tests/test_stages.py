"""What a stage is: one change against an earlier stage."""

from __future__ import annotations

import dataclasses

import pytest

from workshop.stages import BASELINE, STAGES, find_stage, settings_of, stage_order, variant
from workshop.stages.settings import TECHNIQUES, Settings
from workshop.util.errors import UsageError

LATER = [name for name in STAGES if name != BASELINE]


def test_the_progression_starts_with_the_baseline() -> None:
    assert next(iter(STAGES)) == BASELINE
    assert STAGES[BASELINE].against is None
    assert settings_of(BASELINE) == Settings(stage=BASELINE)


@pytest.mark.parametrize("name", LATER)
def test_a_stage_is_measured_against_an_earlier_one(name: str) -> None:
    against = STAGES[name].against
    assert against is not None
    assert stage_order(against) < stage_order(name)


@pytest.mark.parametrize("name", LATER)
def test_a_stage_changes_exactly_one_setting(name: str) -> None:
    stage = STAGES[name]
    assert stage.against is not None
    before = dataclasses.asdict(settings_of(stage.against))
    after = dataclasses.asdict(settings_of(name))
    differing = {key: after[key] for key in after if after[key] != before[key] and key != "stage"}
    assert differing == stage.changes
    assert len(differing) == 1


@pytest.mark.parametrize("name", STAGES)
def test_each_change_is_one_that_a_label_can_tell(name: str) -> None:
    assert set(STAGES[name].changes) <= set(TECHNIQUES)


def test_an_unknown_stage_is_answered_with_all_that_there_are() -> None:
    with pytest.raises(UsageError, match="there is no stage 'turbo'") as caught:
        find_stage("turbo")
    assert all(name in str(caught.value) for name in STAGES)
    with pytest.raises(UsageError):
        settings_of("turbo")


def test_what_is_no_stage_comes_last() -> None:
    assert sorted([None, "turbo", *reversed(STAGES)], key=stage_order)[: len(STAGES)] == [*STAGES]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_as_it_is_has_no_variant_label(name: str) -> None:
    assert variant(settings_of(name)) == ""


def test_a_variant_label_names_what_differs_from_the_stage() -> None:
    tp = settings_of("tp")
    assert variant(dataclasses.replace(tp, quantize="none")) == "quantize none"
    assert variant(dataclasses.replace(tp, quantize="none", ranks=4)) == "quantize none, ranks 4"
    longer = dataclasses.replace(settings_of("speculative"), draft_tokens=5)
    assert variant(longer) == "draft tokens 5"


def test_what_is_no_technique_makes_no_variant() -> None:
    other = dataclasses.replace(settings_of("compile"), samples=3, new_tokens=10, seed=7)
    assert variant(other) == ""


def test_a_cache_is_static_where_shapes_are_fixed_or_a_draft_is_taken_back() -> None:
    plain = settings_of(BASELINE)
    assert not plain.static_cache
    assert dataclasses.replace(plain, compile=True).static_cache
    assert dataclasses.replace(plain, speculate="prompt-lookup").static_cache
