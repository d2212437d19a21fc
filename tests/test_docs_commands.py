"""Every ``workshop`` command in the documentation works as it is written.

Each is run, in a directory with everything that the documentation names. A command that would
compile, measure, wait or change a machine runs until that begins, and no further: ``STOPS`` lists
where, and why. What is submitted is a dry run.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from docs_commands import Shown, commands_in, shown_commands
from docs_desk import PLACEHOLDERS, key_of, lay_desk, run_now, submit_job, typed

from workshop.cli import cli
from workshop.learn.exercise import exercises
from workshop.learn.solved import solved
from workshop.slurm.cluster.find import VARIABLE


class BeginsError(Exception):
    """Raised where the work would begin that a test does not wait for."""


@dataclass(frozen=True)
class Stop:
    """Where a command stops in this test.

    Attributes:
        at: the function in whose place it stops.
        why: why it goes no further.
    """

    at: str
    why: str


# Command, with the options or arguments that make the difference -> where it stops.
STOPS: Mapping[str, Stop] = {
    "check": Stop("workshop.cli.check.started", "checks take seconds: test_exercises.py"),
    "cluster detect": Stop("workshop.slurm.cluster.detect.detect", "asks a Slurm: test_detect.py"),
    "convert tiny:8": Stop("workshop.llm.weights.convert.convert", "writes 0.9 GB"),
    "demo": Stop("workshop.cli.demo.run_all", "runs five stages: test_demo.py"),
    "doctor": Stop("workshop.slurm.doctor.full_look", "asks a Slurm: test_doctor.py"),
    "exercises verify": Stop("workshop.cli.check.started", "takes minutes: test_exercises.py"),
    "predict --this-machine": Stop("workshop.cli.predict.machine.this_machine", "measures"),
    "profile": Stop("workshop.profile.job.profile_here", "takes seconds: test_profile.py"),
    "quality": Stop("workshop.cli.quality.measure", "takes minutes: test_quality.py"),
    "quantize --calibrate": Stop(
        "workshop.cli.model.calibrated", "takes a minute: test_quality.py"
    ),
    "run": Stop("workshop.runner.launch.run_here", "compiles and measures: test_launch.py"),
    "sandbox shell": Stop("workshop.slurm.sandbox.is_up", "starts a Slurm: test_sandbox.py"),
    "sandbox up": Stop("workshop.slurm.sandbox.up", "starts a Slurm: test_sandbox.py"),
    "serve-bench": Stop("workshop.serving.log.Log", "needs a server: test_serve_bench.py"),
    "submit --executor": Stop("workshop.cli.demo.run_all", "runs a stage: test_submit.py"),
}
# Command -> an option in place of an answer at the prompt, of a cluster, or of an hour's work.
ADDED: Mapping[str, str] = {
    "cancel": "--yes",
    "grade": "--dry-run",
    "reset": "--yes",
    "solution": "--anyway",
    "submit": "--dry-run",
}
# Options named in a sentence, without the rest of the command -> the rest.
REST: Mapping[str, str] = {
    "grade --executor slurm --require-isolation landlock": "...",
    "plot --kind ladder": "job*.out",
}
# Command -> the one that a reader has typed before.
BEFORE: Mapping[str, str] = {
    "convert --verify DIR": "convert SOURCE -o DIR",
    "init --update mine": "init mine",
}
NEEDS_MORE = ("predict",)  # a command whose arguments are checked when it runs


def is_mention(command: Shown) -> bool:
    """Whether a sentence names a command that does nothing without arguments."""
    if not command.in_text or len(command.words) > 1:
        return False
    found = cli.get_command(click.Context(cli), command.words[0])
    if found is None:
        return False
    needed = any(one.required for one in found.params) or isinstance(found, click.Group)
    return needed or found.name in NEEDS_MORE


SHOWN = shown_commands()
TO_RUN = {str(one): one for one in SHOWN if not is_mention(one)}
MENTIONS = {str(one) for one in SHOWN if is_mention(one)}


def matching(command: Shown, table: Mapping[str, object]) -> list[str]:
    """The keys of a table that are about a command: the first word, and all others anywhere."""
    words = command.words
    return [key for key in table if words[0] == key.split()[0] and set(key.split()) <= set(words)]


SUBMITTED = sorted(
    text for text, one in TO_RUN.items() if one.words[0] == "submit" and not matching(one, STOPS)
)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    desk = tmp_path_factory.mktemp("docs") / "desk"
    lay_desk(desk)
    return desk


@pytest.fixture
def desk(laid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with all that the documentation names, and nothing of the user's."""
    place = tmp_path / "desk"
    shutil.copytree(laid, place, symlinks=True)
    submit_job(place)
    monkeypatch.chdir(place)
    monkeypatch.delenv(VARIABLE, raising=False)
    for name, value in {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "compiled"),
        "KINETO_LOG_LEVEL": "6",
        "WORKSHOP_RUNS": str(place / "runs"),
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }.items():
        monkeypatch.setenv(name, value)
    return place


def run(command: Shown, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Type a command at the desk; standard output goes where it is redirected to."""
    words = typed([*command.words, *REST.get(str(command), "").split()])
    stops = matching(command, STOPS)
    if not stops:
        words += [ADDED[key] for key in matching(command, ADDED)]
    with monkeypatch.context() as patch:
        for key in stops:
            patch.setattr(STOPS[key].at, begin)
        done = CliRunner().invoke(cli, words)
    if command.output:
        Path(command.output).write_text(done.stdout)
    return done


def begin(*arguments: object, **options: object) -> None:
    raise BeginsError


def check_outcome(command: Shown, done: Result) -> None:
    """It succeeded, or came to where it is stopped."""
    if matching(command, STOPS):
        assert isinstance(done.exception, BeginsError), (done.output, done.exception)
    else:
        assert done.exit_code == 0, (done.output, done.exception)


@pytest.mark.parametrize("text", sorted(TO_RUN))
def test_a_command_works_as_written(text: str, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if text in BEFORE:
        check_outcome(TO_RUN[BEFORE[text]], run(TO_RUN[BEFORE[text]], monkeypatch))
    check_outcome(TO_RUN[text], run(TO_RUN[text], monkeypatch))


@pytest.mark.parametrize(
    "line",
    [
        "workshop comapre A B",
        "workshop run compile --kernel-kind cpp",
        "workshop run compile --kernels assembler",
        "workshop run compile --quantize int4 --group-size 31",
        "workshop submit tp --gpus 3",
        "workshop compare A",
        "workshop plot missing.out",
    ],
)
def test_a_command_that_does_not_work_is_noticed(
    line: str, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = commands_in(f"    {line}")
    with pytest.raises(AssertionError):
        check_outcome(command, run(command, monkeypatch))


def test_what_a_sentence_calls_a_command_is_one() -> None:
    assert set(cli.list_commands(click.Context(cli))) >= MENTIONS


@pytest.mark.parametrize("cluster", ["cyclone", "lumi"])
@pytest.mark.parametrize("text", SUBMITTED)
def test_what_is_submitted_fits_the_shipped_clusters(
    text: str, cluster: str, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, cluster)
    check_outcome(TO_RUN[text], run(TO_RUN[text], monkeypatch))


@pytest.mark.parametrize(
    ("text", "directives"),
    [
        ("submit tp --gpus 4", {"--nodes=1", "--ntasks-per-node=4", "--gpus=4"}),
        (
            "submit tp --nodes 2 --gpus-per-node 4",
            {"--nodes=2", "--ntasks-per-node=4", "--gpus-per-node=4"},
        ),
        ("submit compile --repeat 5", {"--array=0-4%1"}),
        ("submit quantize --after 123", {"--dependency=afterok:123"}),
    ],
)
def test_a_job_asks_for_what_the_page_says(
    text: str, directives: set[str], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = run(TO_RUN[text], monkeypatch).stdout
    assert directives <= set(re.findall(r"(?m)^#SBATCH (\S+)$", script))


def test_every_entry_of_these_lists_is_about_a_command_of_the_documentation() -> None:
    for table in (STOPS, ADDED):
        used = {key for command in TO_RUN.values() for key in matching(command, table)}
        assert set(table) == used
    assert REST.keys() | BEFORE.keys() | set(BEFORE.values()) <= TO_RUN.keys()
    words = [(one.words[0], word) for one in TO_RUN.values() for word in one.words]
    words += [(text.split()[0], word) for text, rest in REST.items() for word in rest.split()]
    assert {key_of(*pair) for pair in words} - {None} == set(PLACEHOLDERS)


def test_a_solved_exercise_passes_and_shows_our_solution(desk: Path) -> None:
    assert CliRunner().invoke(cli, ["solution", "napkin"]).exit_code == 1
    with solved(exercises()["napkin"]) as folder:
        shutil.copytree(folder, desk / "napkin", dirs_exist_ok=True)
    assert "Next: " in run_now("check", "napkin")
    assert "def " in run_now("solution", "napkin")


@pytest.mark.parametrize(
    ("markdown", "commands"),
    [
        ("```sh\nworkshop run tp\n  workshop status\n```", ["run tp", "status"]),
        ("~~~\n$ workshop run tp\nworkshop: error\n~~~", ["run tp"]),
        ("Now:\n\n    workshop plot job*.out   # it's the figure\n", ["plot job*.out"]),
        ("    workshop run tp \\\n        --samples 3\n", ["run tp --samples 3"]),
        ("    workshop run tp > a.out && workshop plot a.out", ["run tp > a.out", "plot a.out"]),
        ("    cd mine; X=1 srun workshop check", ["check"]),
        ("    .venv/bin/workshop demo", ["demo"]),
        ("| a | `workshop run tp`, `workshop wait` |", ["run tp", "wait"]),
        ("by `workshop run\ntp` and `` workshop demo ``", ["run tp", "demo"]),
        ("a stray ` here\n\nand `workshop demo`", ["demo"]),
        ("the workshop runs\n\n    workshop/\n    from workshop import run\n`workshop`", []),
    ],
)
def test_commands_are_found_in_a_page(markdown: str, commands: list[str]) -> None:
    assert [str(one) for one in commands_in(markdown)] == commands
