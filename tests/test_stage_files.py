"""All that is said of a stage stands in its file: a made-up one is missing nowhere."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from builders import result
from click.testing import CliRunner

from workshop.analysis.explain import why
from workshop.cli import cli
from workshop.cli.options import RUN_OPTIONS, TECHNIQUE_OPTIONS, with_options
from workshop.figures.kinds import figure_of
from workshop.figures.theme import THEMES, fill_of
from workshop.grading.evidence.claims import own_change
from workshop.grading.evidence.log import Run
from workshop.record.readers.gpt_fast import stage_of
from workshop.record.readers.ours import read_log
from workshop.record.results import Result
from workshop.record.stage_evidence import stage_shown
from workshop.report.outputs import agreement
from workshop.roofline.against import plan_of
from workshop.stages import STAGES, settings_of, variant
from workshop.stages.settings import LABELS, TECHNIQUES, Settings, changed, declared
from workshop.stages.stage import Expectation, Look, Stage
from workshop.util.assets import folder
from workshop.util.errors import UsageError

SPARSE = Stage(
    name="sparse",
    against="quantize",
    changes={"fuse": True},
    summary="two of four neighbouring weights are zero",
    template="quantize.slurm.j2",
    expectation=Expectation("A token reads fewer bytes again.", "t = P·b / (2·BW)"),
    explain=lambda result, against: "Half of the weights are not there.",
    may_differ="weights that are not there are not the weights",
    look=Look("#123456", dark="#fedcba", hatch="**", marker="*"),
    words=frozenset({"sparse", "sparsity"}),
    shows=lambda run: "sparsity" in run.conditions,
)


@pytest.fixture(autouse=True)
def sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STAGES, SPARSE.name, SPARSE)


def run(stage: str, *speeds: float, **fields: object) -> Result:
    return result(stage, *speeds, **fields)


def test_a_stage_that_lacks_something_is_no_stage() -> None:
    for field in dataclasses.fields(Stage):
        assert field.default is dataclasses.MISSING
        assert field.default_factory is dataclasses.MISSING


def test_its_settings_follow_from_its_one_change() -> None:
    assert settings_of("sparse") == dataclasses.replace(
        settings_of("quantize"), stage="sparse", fuse=True
    )
    assert variant(settings_of("sparse")) == ""


def test_it_is_listed_with_what_it_changes() -> None:
    told = CliRunner().invoke(cli, ["stages"]).output
    assert SPARSE.summary in told
    assert "against quantize" in told
    listed = json.loads(CliRunner().invoke(cli, ["stages", "--json"]).output)
    assert listed[-1] == {
        "name": "sparse",
        "against": "quantize",
        "summary": SPARSE.summary,
        "changes": {"fuse": True},
    }


def test_its_script_is_made_of_its_template(tmp_path: Path) -> None:
    cluster = tmp_path / "cluster.toml"
    cluster.write_text('[slurm]\npartition = "gpu"\n', encoding="utf-8")
    done = CliRunner().invoke(cli, ["render", "sparse", "--cluster", str(cluster), "--output", "-"])
    assert done.exit_code == 0, done.output
    assert "workshop run sparse" in done.output.replace("-m workshop", "workshop")


def test_every_stage_has_its_template() -> None:
    for stage in STAGES.values():
        assert (folder("templates") / stage.template).is_file()


def test_its_speed_is_explained_and_its_texts_are_excused() -> None:
    ours, before = run("sparse", 150.0), run("quantize", 100.0)
    assert why(ours, before) == "Half of the weights are not there."
    sample = dataclasses.replace(ours.samples[0], tokens=[9, 9, 9])
    assert SPARSE.may_differ is not None
    assert SPARSE.may_differ in agreement(dataclasses.replace(ours, samples=[sample]), before)


def test_a_report_says_what_to_expect_of_it(tmp_path: Path) -> None:
    from workshop.record.results import PREFIX, to_json

    log = tmp_path / "job-sparse-1.out"
    log.write_text(f"{PREFIX}{to_json(run('sparse', 150.0))}\n", encoding="utf-8")
    page = tmp_path / "report.html"
    done = CliRunner().invoke(cli, ["report", str(log), "-o", str(page)])
    assert done.exit_code == 0, done.output
    html = page.read_text(encoding="utf-8")
    assert SPARSE.expectation.sentence in html
    assert SPARSE.expectation.formula in html


@pytest.mark.parametrize("theme", THEMES.values(), ids=str)
def test_it_has_a_look_of_its_own(theme: object) -> None:
    from workshop.figures.theme import Theme

    assert isinstance(theme, Theme)
    fill = fill_of("sparse", theme=theme)
    assert fill.color == (SPARSE.look.dark if theme.dark else SPARSE.look.color)
    assert fill != theme.other
    assert fill_of("sparse", variant=True, theme=theme) != fill
    figure_of("progression", [run("quantize", 100.0), run("sparse", 150.0)], theme)


def test_other_tools_logs_may_name_it() -> None:
    assert stage_of("sparsity + quantize + compile") == "sparse"
    assert stage_of("sparse + speculative") is None  # neither is built on the other


def test_other_tools_runs_may_show_it() -> None:
    assert stage_shown(Result(None, "ok", conditions={"sparsity": "2:4"})) == "sparse"


def test_a_log_that_lost_its_record_is_known_by_its_name(tmp_path: Path) -> None:
    log = tmp_path / "job-sparse-7.out"
    log.write_text("killed\n", encoding="utf-8")
    assert read_log(log)[0].stage == "sparse"


def test_its_precision_is_predicted_from_its_settings() -> None:
    assert plan_of(settings_of("sparse")).precision == plan_of(settings_of("quantize")).precision


def test_a_record_of_that_name_without_the_change_is_a_doubt(tmp_path: Path) -> None:
    honest, renamed = run("sparse", 150.0), run("sparse", 150.0, options={"fuse": False})
    log = tmp_path / "job-sparse-1.out"
    assert not list(own_change(Run(log.name, honest)))
    (found,) = own_change(Run(log.name, renamed))
    assert "no fuse" in found.sentence


def test_each_setting_is_declared_once_and_has_its_option() -> None:
    @with_options([*RUN_OPTIONS, *TECHNIQUE_OPTIONS])
    def nothing(**options: object) -> None: ...

    names = {one.name for one in nothing.__click_params__}  # type: ignore[attr-defined]
    assert names == {name for name, (said, _, _) in declared().items() if said.help} | {"prompt"}
    assert set(declared()) | {"stage", "exercise"} == {
        field.name for field in dataclasses.fields(Settings)
    }
    assert set(LABELS) <= set(declared())
    assert set(TECHNIQUES) <= names


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"quantise": "int8"}, "there is no setting 'quantise'; the settings are model, dtype,"),
        ({"quantize": "int3"}, "quantize is one of none, int8, int4, not 'int3'"),
        ({"group_size": 48}, "group_size is one of 32, 64, 128, not 48"),
        ({"samples": 0}, "samples cannot be 0: it is at least 1"),
        ({"top_p": 0.0}, "top_p cannot be 0.0: it is above 0 and at most 1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_a_sentence(
    given: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError) as caught:
        changed(settings_of("baseline"), given)
    assert sentence in str(caught.value)
