"""The main job, as a newcomer has it: from a built wheel, in an empty directory; and on Slurm."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from patience import HANG
from test_submit import command_in, only_result, status, submitted

from workshop.figures.theme import made_here
from workshop.record.readers.ours import read_log
from workshop.record.results import PREFIX, Result
from workshop.slurm.sandbox import Sandbox
from workshop.stages import STAGES

CHECKOUT = Path(__file__).resolve().parents[1]
# Fewer and shorter than the demo's own, for the sake of time; everything else is the same.
SHORT = ["--samples", "2", "--new-tokens", "40"]
SMALL = ["--model", "tiny:1"]  # of the widened model, to compile and run it takes minutes
# As plot says it of logs that were made on a busy machine, or that scatter.
NOISE = re.compile(r"Warning: (other processes used the machine during |.* is too noisy to tell: )")
LONGEST = 6 * HANG  # it compiles all that the stages need, for minutes


@dataclass(frozen=True)
class Demo:
    code: int
    out: str
    err: str
    directory: Path

    def result(self, stage: str) -> Result:
        (log,) = self.directory.glob(f"job-{stage}-*.out")
        (found,) = read_log(log)
        return found


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package from a wheel, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(CHECKOUT)], check=True, capture_output=True, timeout=HANG)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True)
    return target


def run(installed: Path, directory: Path, *arguments: str, **env: str) -> Demo:
    # Importing torch puts a cache directory into this process's own environment.
    clean = {k: v for k, v in os.environ.items() if k != "TORCHINDUCTOR_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "workshop", *arguments],
        cwd=directory,
        env={**clean, "PYTHONPATH": str(installed), **env},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    return Demo(done.returncode, done.stdout, done.stderr, directory)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's cache directory, in which nothing is compiled yet: the demo fills it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def demo(installed: Path, compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    directory = tmp_path_factory.mktemp("demo")
    return run(installed, directory, "demo", *SMALL, *SHORT, XDG_CACHE_HOME=str(compiled))


def test_what_is_run_is_the_wheel(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-P", "-c", "import workshop; print(workshop.__file__)"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where.strip() == str(installed / "workshop" / "__init__.py")


@pytest.mark.parametrize("folder", ["templates", "exercises", "solutions"])
def test_the_wheel_holds_what_stands_at_the_top_of_the_repository(
    installed: Path, folder: str
) -> None:
    here = {p.relative_to(CHECKOUT) for p in (CHECKOUT / folder).rglob("*") if p.is_file()}
    package = installed / "workshop"
    there = {p.relative_to(package) for p in (package / folder).rglob("*") if p.is_file()}
    assert here
    assert {p for p in there if "__pycache__" not in p.parts} == here


def test_the_demo_succeeds_and_is_silent_on_standard_error(demo: Demo) -> None:
    assert demo.code == 0, demo.out + demo.err
    assert demo.err == ""


def test_there_is_one_log_a_stage_and_the_figure(demo: Demo) -> None:
    names = sorted(path.name for path in demo.directory.iterdir())
    logs = [f"job-{stage}-{number}.out" for number, stage in enumerate(STAGES, start=1)]
    assert names == sorted([*logs, "progression.png"])
    assert made_here(demo.directory / "progression.png")


def test_what_was_compiled_is_kept_for_the_next_time(demo: Demo, compiled: Path) -> None:
    assert demo.code == 0
    kept = [path for path in (compiled / "workshop" / "inductor").rglob("*.so") if path.is_file()]
    assert len(kept) > 10


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_whole_record_as_its_last_line(demo: Demo, stage: str) -> None:
    (log,) = demo.directory.glob(f"job-{stage}-*.out")
    assert log.read_text().splitlines()[-1].startswith(PREFIX)
    result = demo.result(stage)
    assert (result.stage, result.label, result.status) == (stage, stage, "ok")
    assert len(result.samples) == 2
    assert result.against == STAGES[stage].against


@pytest.mark.parametrize("stage", ["compile", "quantize", "speculative", "tp"])
def test_what_is_compiled_has_no_graph_break_and_never_compiles_again(
    demo: Demo, stage: str
) -> None:
    result = demo.result(stage)
    assert result.graph_breaks == 0
    assert result.recompiles == 0
    assert (result.compile_seconds or 0) > 0


def test_one_thing_changes_at_a_time(demo: Demo) -> None:
    baseline, compiled, quantized, speculative, tp = (demo.result(stage) for stage in STAGES)
    assert baseline.compile_seconds is None
    assert compiled.model_bytes == baseline.model_bytes
    assert (quantized.model_bytes or 0) < 0.6 * (compiled.model_bytes or 0)
    assert speculative.model_bytes == quantized.model_bytes
    assert speculative.mean_accepted is not None
    assert (tp.world_size, quantized.world_size) == (2, 1)
    assert baseline.reference is not None


def test_speculation_says_what_its_verifier_says(demo: Demo) -> None:
    """The paths differ in how they sum, so a near tie may part them; the first words agree."""
    said, guessed = (demo.result(s).samples[0].tokens for s in ("quantize", "speculative"))
    assert said[:10] == guessed[:10]


def test_the_table_has_a_row_and_a_sentence_for_every_stage(demo: Demo) -> None:
    for stage in STAGES:
        assert re.search(rf"^ ?{stage} +[\d.]+ ± [\d.]+ ", demo.out, re.MULTILINE), demo.out
        assert re.search(rf"^{stage}: .*\.$", demo.out, re.MULTILINE), demo.out
    assert "(baseline in float32)" in demo.out
    assert "progression.png" in demo.out


def test_the_logs_can_be_plotted_in_any_order(demo: Demo, installed: Path, tmp_path: Path) -> None:
    logs = sorted((str(p) for p in demo.directory.glob("job-*.out")), reverse=True)
    done = run(installed, tmp_path, "plot", *logs, "-o", "again.png")
    assert done.code == 0, done.err
    first, again = demo.directory / "progression.png", tmp_path / "again.png"
    assert again.read_bytes() == first.read_bytes()


def test_a_stage_that_cannot_run_does_not_keep_the_others_from_running(
    installed: Path, tmp_path: Path
) -> None:
    """And what can run is the widened model: nobody asked for another."""
    work = tmp_path / "work"
    work.mkdir()
    done = run(
        installed,
        work,
        "demo",
        *SHORT,
        CXX="/nonexistent/g++",
        TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert done.code == 1
    assert "Traceback" not in done.out + done.err
    assert done.result("baseline").status == "ok"
    assert done.result("baseline").model_parameters == 108_806_400
    for stage in ("compile", "quantize", "speculative", "tp"):
        assert done.result(stage).status == "failed"
        assert re.search(rf"^{stage}: No number: .*no C\+\+ compiler", done.out, re.MULTILINE)
    assert "What to do: install g++" in done.out
    assert (work / "progression.png").exists()


def test_a_figure_of_the_users_own_is_not_written_over(installed: Path, tmp_path: Path) -> None:
    mine = tmp_path / "progression.png"
    mine.write_bytes(b"mine")
    done = run(installed, tmp_path, "demo", *SHORT)
    assert done.code == 2
    assert "progression.png is there" in done.err
    assert mine.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["progression.png"]


def test_the_whole_progression_runs_as_a_chain_and_is_drawn(
    demo: Demo, sandbox: Sandbox, tmp_path: Path, compiled: Path
) -> None:
    """On Slurm; what the demo has compiled need not be compiled again."""
    workshop = command_in(sandbox, tmp_path)
    described = Path(sandbox.environment()["WORKSHOP_CLUSTER"]).read_text()
    paths = f'[paths]\ncache = "{compiled}/workshop/inductor"'
    (tmp_path / "cached.toml").write_text(described.replace("[paths]", paths))
    asked = ["--account", "edu20", "--reservation", "edu20", "--exclusive", "--exclude", "sim04"]
    asked += ["--cluster", "cached.toml", *SMALL, *SHORT]
    done = workshop("submit", "all", *asked, "--json")
    jobs = submitted(done)
    assert [job["stage"] for job in jobs] == list(STAGES)
    assert [job["after"] for job in jobs] == [None, *(job["job"] for job in jobs[:-1])]
    assert workshop("wait").returncode == 0
    for job in jobs:
        (log,) = job["logs"]
        assert Path(log) == tmp_path / f"job-{job['stage']}-{job['job']}.out"
        text = Path(log).read_text()
        assert f"Example:= {job['stage']}" in text
        assert "Nodelist:= sim0" in text
        assert "sim04" not in text
        assert text.splitlines()[-1].startswith("WORKSHOP-RESULT")
        result = only_result(log)
        assert (result.status, result.stage) == ("ok", job["stage"])
        assert result.slurm is not None
        assert result.slurm.job_id == job["job"]
    assert only_result(jobs[-1]["logs"][0]).world_size == 2
    for job in jobs[1:]:  # what compiles is told where to keep it
        (script,) = tmp_path.glob(f"runs/*/{job['job']}_submission.sh")
        assert f"TORCHINDUCTOR_CACHE_DIR={compiled}/workshop/inductor" in script.read_text()
    drawn = workshop("plot", *sorted(path.name for path in tmp_path.glob("job*.out")))
    # Nothing is said but of noise, which a busy machine makes.
    assert [line for line in drawn.stderr.splitlines() if not NOISE.match(line)] == []
    assert (tmp_path / "progression.png").exists()
    views = status(workshop)
    assert [view["state"] for view in views] == ["COMPLETED"] * 5
    assert all(view["ok"] and view["tokens_per_second"] > 0 for view in views)
