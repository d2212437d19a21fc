"""``workshop plot``: from logs to the figure, with a word on every log that has no result."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders import failed, result
from click.testing import CliRunner
from click.testing import Result as Outcome

from workshop.cli.show import plot
from workshop.figures import KINDS, THEME_NAMES
from workshop.record.results import PREFIX, Result, to_json
from workshop.util.errors import UsageError

SCRIPT = Path(__file__).parents[1] / "plots" / "extract_and_plot.py"


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty directory."""
    monkeypatch.chdir(tmp_path)


def log(record: Result, name: str | None = None) -> str:
    path = Path(name or f"job-{record.stage}-1.out")
    path.write_text(f"Stage: {record.stage}\n{PREFIX}{to_json(record)}\n")
    return str(path)


def run(*arguments: str) -> Outcome:
    return CliRunner().invoke(plot, arguments)


def test_it_prints_the_path_that_it_wrote() -> None:
    outcome = run(log(result("baseline", 40)), log(result("compile", 100)))
    assert outcome.exit_code == 0
    assert outcome.stdout == "progression.png\n"
    assert outcome.stderr == ""
    assert Path("progression.png").exists()


def test_a_log_without_a_result_is_named_with_its_reason() -> None:
    outcome = run(log(result("baseline", 40)), log(failed("tp", "no second core")), "-o", "f.svg")
    assert outcome.exit_code == 0
    assert outcome.stdout == "f.svg\n"
    assert outcome.stderr == "job-tp-1.out: no result: no second core; drawn as a gap\n"


def test_a_log_without_a_result_beside_another_of_its_stage_is_left_out() -> None:
    outcome = run(log(result("baseline", 40)), log(failed("baseline"), "job-baseline-2.out"))
    assert outcome.exit_code == 0
    assert "job-baseline-2.out: no result: " in outcome.stderr
    assert "left out" in outcome.stderr


def test_a_run_that_did_not_finish_is_named_and_drawn() -> None:
    half = result("tp", 30, 31, status="incomplete", reason="the time limit came.")
    outcome = run(log(result("baseline", 40)), log(half))
    said = "job-tp-1.out: not complete: the time limit came; drawn with 2 samples\n"
    assert outcome.stderr == said


def test_a_reason_cannot_act_on_the_terminal() -> None:
    outcome = run(log(result("baseline", 40)), log(failed("tp", "\x1b[2J\nall fine")))
    assert "\x1b" not in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_what_cannot_be_compared_is_warned_of() -> None:
    outcome = run(log(result("baseline", 40)), log(result("tp", 50, model="other")))
    assert outcome.exit_code == 0
    assert "Warning: these results have different models (tiny, other)" in outcome.stderr


def test_without_any_result_there_is_no_figure_and_exit_code_1() -> None:
    Path("job-tp-2.out").touch()
    outcome = run(log(failed("compile")), "job-tp-2.out")
    assert outcome.exit_code == 1
    assert outcome.stdout == ""
    assert "job-tp-2.out: no result: the log is empty" in outcome.stderr
    assert not Path("progression.png").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.out"], "there is no file missing.out"),
        (["."], "directory"),
        (["job-baseline-1.out", "-o", "figure.gif"], r"\.png, \.svg or \.pdf"),
        (["job-baseline-1.out", "-o", "missing/figure.png"], "no folder missing"),
    ],
)
def test_a_users_mistake_is_one_sentence(arguments: list[str], sentence: str) -> None:
    log(result("baseline", 40))
    outcome = run(*arguments)
    assert isinstance(outcome.exception, UsageError)
    assert re.search(sentence, str(outcome.exception))


def test_no_file_at_all_is_a_mistake_too() -> None:
    assert run().exit_code == 2


def test_a_foreign_file_of_the_default_name_is_kept() -> None:
    Path("progression.png").write_text("a child's drawing")
    baseline = log(result("baseline", 40))
    outcome = run(baseline)
    assert isinstance(outcome.exception, UsageError)
    assert "-o" in str(outcome.exception)
    assert Path("progression.png").read_text() == "a child's drawing"
    assert run(baseline, "-o", "progression.png").exit_code == 0, "named, it is replaced"
    assert run(baseline).exit_code == 0, "now it is ours, and replaced"


def test_the_original_workshops_script_does_the_same() -> None:
    logs = [log(result("tp", 50)), log(result("baseline", 40))]
    command = [sys.executable, str(SCRIPT), *logs, "-o"]
    done = subprocess.run([*command, "script.png"], capture_output=True, text=True, check=True)
    assert done.stdout == "script.png\n"
    run(*logs, "-o", "command.png")
    assert Path("script.png").read_bytes() == Path("command.png").read_bytes()
    wrong = subprocess.run([*command, "x.gif"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


# Kinds and themes


def class_logs() -> list[str]:
    """Two users' logs of two stages, one of them with two batch sizes."""
    about = {"model_parameters": 10**9, "model_bytes": 2 * 10**9}
    return [
        log(
            result(
                stage,
                speed,
                speed,
                user=user,
                batch_size=batch,
                options={"batch_size": batch},
                **about,
            ),
            f"{user}-{stage}-{batch}.out",
        )
        for user in ("ada", "ken")
        for stage, speed, batch in (
            ("baseline", 40.0, 1),
            ("compile", 100.0, 1),
            ("compile", 90.0, 4),
        )
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_file_of_its_name(kind: str) -> None:
    outcome = run(*class_logs(), "--kind", kind)
    assert outcome.exit_code == 0
    assert outcome.stdout == f"{kind}.png\n"
    assert Path(f"{kind}.png").read_bytes().startswith(b"\x89PNG")


def test_all_kinds_go_into_one_folder() -> None:
    Path("figures").mkdir()
    outcome = run(*class_logs(), "--kind", "all", "-o", "figures", "--theme", "dark")
    assert outcome.exit_code == 0
    assert outcome.stdout.splitlines() == [f"figures/{kind}.png" for kind in KINDS]
    assert sorted(path.stem for path in Path("figures").iterdir()) == sorted(KINDS)


def test_of_all_kinds_what_cannot_be_drawn_is_named_with_the_reason() -> None:
    outcome = run(log(result("baseline", 40)), "--kind", "all")
    assert outcome.exit_code == 0
    assert "compare.png: not drawn: there is nothing to compare" in outcome.stderr
    assert "roofline.png: not drawn: " in outcome.stderr
    assert not Path("compare.png").exists()
    assert "progression.png" in outcome.stdout


def test_a_kind_that_cannot_be_drawn_is_one_sentence_and_exit_code_1() -> None:
    outcome = run(log(result("baseline", 40)), "--kind", "compare")
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("Error: there is no compare to draw: ")
    assert outcome.stderr.count("\n") == 1
    assert not Path("compare.png").exists()


@pytest.mark.parametrize("kind", ["samples", "all"])
def test_foreign_files_of_every_default_name_are_kept(kind: str) -> None:
    Path("samples.png").write_text("a child's drawing")
    outcome = run(log(result("baseline", 40)), "--kind", kind)
    assert isinstance(outcome.exception, UsageError)
    assert sorted(os.listdir()) == ["job-baseline-1.out", "samples.png"]
    assert Path("samples.png").read_text() == "a child's drawing"


def test_all_kinds_need_a_folder() -> None:
    outcome = run(log(result("baseline", 40)), "--kind", "all", "-o", "figure.png")
    assert isinstance(outcome.exception, UsageError)
    assert "no folder figure.png" in str(outcome.exception)


@pytest.mark.parametrize("option", ["--kind", "--theme"])
def test_an_unknown_kind_or_theme_is_refused_and_all_are_named(option: str) -> None:
    outcome = run(log(result("baseline", 40)), option, "nice")
    assert outcome.exit_code == 2
    for name in KINDS if option == "--kind" else THEME_NAMES:
        assert name in outcome.stderr


def test_the_theme_changes_the_picture_and_not_the_default() -> None:
    logs = class_logs()
    for name, arguments in (("plain", []), ("paper", ["--theme", "paper"])):
        run(*logs, *arguments, "-o", f"{name}.svg")
    run(*logs, "--theme", "slide", "-o", "slide.svg")
    pictures = [Path(f"{name}.svg").read_bytes() for name in ("plain", "paper", "slide")]
    assert pictures[0] == pictures[1]
    assert pictures[0] != pictures[2]


@pytest.mark.parametrize("arguments", [["--mine", "ken"], []])
def test_a_comparison_marks_mine(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    run(*class_logs(), "--kind", "compare", "-o", "with.svg", *arguments)
    run(*class_logs(), "--kind", "compare", "-o", "ken.svg", "--mine", "ken")
    run(*class_logs(), "--kind", "compare", "-o", "ada.svg", "--mine", "ada")
    same = "ken.svg" if arguments else "ada.svg"
    assert Path("with.svg").read_bytes() == Path(same).read_bytes()
    assert Path("ken.svg").read_bytes() != Path("ada.svg").read_bytes()


def test_what_a_comparison_is_about_is_not_warned_of() -> None:
    logs = [
        log(result("tp", 40, device="A100"), "one.out"),
        log(result("tp", 50, device="H100"), "other.out"),
    ]
    assert run(*logs, "--kind", "compare").stderr == ""
    assert "different devices" in run(*logs, "--kind", "samples").stderr


@pytest.mark.parametrize(("kind", "gap"), [("ladder", True), ("samples", False)])
def test_a_log_without_a_result_is_named_in_every_kind(kind: str, gap: bool) -> None:
    outcome = run(log(result("baseline", 40)), log(failed("tp", "no core")), "--kind", kind)
    assert outcome.exit_code == 0
    said = "job-tp-1.out: no result: no core" + ("; drawn as a gap" if gap else "")
    assert outcome.stderr == f"{said}\n"
