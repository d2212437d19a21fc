"""The variables of the submitting shell: none decides a job, or what we read, unseen."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import fake_slurm
import pytest
from sbatch_reference import directives

from workshop.slurm.cluster.description import Cluster, Gpus, Scheduling
from workshop.slurm.facts.ask import ask
from workshop.slurm.job.executor import WorkshopExecutor
from workshop.slurm.job.request import Request, Wishes, make_request
from workshop.slurm.job.submit import submit, submitted_script
from workshop.slurm.job.template import quote
from workshop.slurm.queue.squeue import run_command
from workshop.slurm.variables import for_questions, for_sbatch
from workshop.stages import settings_of
from workshop.util.errors import UsageError

PLAIN = Cluster()
CLASS = Cluster(slurm=Scheduling(partition="a100", account="edu20", mem="8G", cpus_per_task=4))


def asked(shell: dict[str, str], cluster: Cluster = PLAIN, **wishes: object) -> Request:
    wish = Wishes(shell=shell, **wishes)  # type: ignore[arg-type]
    return make_request(cluster, settings_of("baseline"), wish, Path("/here"), "python")


def lines(shell: dict[str, str], cluster: Cluster = PLAIN, **wishes: object) -> list[str]:
    """The directives of the job that a shell with these variables submits."""
    return directives(submitted_script(asked(shell, cluster, **wishes), cluster, Path("/runs")))


@pytest.mark.parametrize(
    ("variable", "value", "directive"),
    [
        ("SBATCH_ACCOUNT", "site", "--account=site"),
        ("SBATCH_PARTITION", "site", "--partition=site"),
        ("SBATCH_RESERVATION", "site", "--reservation=site"),
        ("SBATCH_QOS", "site", "--qos=site"),
        ("SBATCH_CONSTRAINT", "a|b", "--constraint=a|b"),
        ("SBATCH_EXCLUSIVE", "", "--exclusive"),
        ("SBATCH_EXCLUSIVE", "user", "--exclusive=user"),
        ("SBATCH_EXCLUSIVE", "Exclusive", "--exclusive"),
        ("SBATCH_EXCLUSIVE", "oversubscribe", "--oversubscribe"),
        ("SBATCH_WCKEY", "a b", "--wckey=a b"),
        ("SBATCH_HINT", "nomultithread", "--hint=nomultithread"),
        ("SLURM_HINT", "nomultithread", "--hint=nomultithread"),
        ("SBATCH_MEM_PER_NODE", "3G", "--mem=3G"),
        ("SBATCH_MEM_PER_CPU", "3G", "--mem-per-cpu=3G"),
        ("SBATCH_MEM_PER_GPU", "3G", "--mem-per-gpu=3G"),
        ("SBATCH_CPUS_PER_GPU", "8", "--cpus-per-gpu=8"),
        ("SBATCH_NO_KILL", "1", "--no-kill"),
        ("SBATCH_OVERCOMMIT", "", "--overcommit"),
        ("SBATCH_REQ_SWITCH", "1", "--switches=1"),
        ("SLURM_CLUSTERS", "big", "--clusters=big"),
    ],
)
def test_a_sites_default_holds_where_nobody_asks_otherwise_and_is_in_the_script(
    variable: str, value: str, directive: str
) -> None:
    assert directive in lines({variable: value})
    text = submitted_script(asked({variable: value}), PLAIN, Path("/runs"))
    assert f"# Set by the shell that submitted: {quote(f'{variable}={value}')}\n" in text


@pytest.mark.parametrize(
    "shell",
    [
        {
            "SBATCH_TIMELIMIT": "3",
            "SBATCH_JOB_NAME": "x",
            "SBATCH_OUTPUT": "/x",
            "SBATCH_WAIT": "1",
        },
        {"SBATCH_ARRAY_INX": "0-9", "SBATCH_SIGNAL": "TERM", "SBATCH_NO_REQUEUE": "1"},
        {"SBATCH_GPUS": "9", "SBATCH_GRES": "gpu:9", "SBATCH_OPEN_MODE": "truncate"},
        {"SBATCH_OVERCOMMIT": "0", "SBATCH_NO_KILL": "no", "SBATCH_ACCOUNT": ""},
        {"SQUEUE_FORMAT": "%j", "SALLOC_ACCOUNT": "x", "SLURM_ACCOUNT": "x", "SLURM_NTASKS": "9"},
    ],
)
def test_what_a_job_of_ours_always_decides_itself_is_left_alone(shell: dict[str, str]) -> None:
    assert lines(shell) == lines({})


def test_what_was_typed_or_described_wins_over_the_shell() -> None:
    shell = {
        "SBATCH_ACCOUNT": "root",
        "SBATCH_PARTITION": "small-g",
        "SBATCH_RESERVATION": "other",
        "SBATCH_MEM_PER_CPU": "1M",
        "SBATCH_CPUS_PER_GPU": "9",
        "SBATCH_EXCLUSIVE": "",
    }
    found = lines(shell, CLASS, reservation="edu20", exclusive=False)
    for one in ("--account=edu20", "--partition=a100", "--reservation=edu20", "--mem=8G"):
        assert one in found
    assert asked(shell, CLASS, reservation="edu20", exclusive=False).inherited == ()
    assert not any("exclusive" in one or "per-cpu" in one or "per-gpu" in one for one in found)


def test_an_option_that_is_typed_empty_takes_the_shells_away_too() -> None:
    shell = {"SBATCH_ACCOUNT": "site", "SBATCH_RESERVATION": "over"}
    request = asked(shell, account="", reservation="")
    assert (request.account, request.reservation) == (None, None)


def test_gpus_of_the_shell_count_where_the_description_asks_for_none() -> None:
    without = Cluster(gpus=Gpus(request="none"))
    assert "--gres=gpu:2" in lines({"SBATCH_GRES": "gpu:2"}, without)


@pytest.mark.parametrize(
    ("shell", "said"),
    [
        ({"SBATCH_CLUSTERS": "big"}, "'export SLURM_CLUSTERS=big'"),
        ({"SBATCH_CLUSTERS": "big", "SLURM_CLUSTERS": "small"}, "'unset SBATCH_CLUSTERS'"),
        ({"SLURM_CLUSTERS": "big,small"}, "names several clusters"),
        ({"SLURM_CLUSTERS": "all"}, "names several clusters"),
    ],
)
def test_a_cluster_that_no_other_command_asks_is_one_sentence(
    shell: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError) as error:
        asked(shell)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert asked({"SBATCH_CLUSTERS": "big", "SLURM_CLUSTERS": "big"}).options["clusters"] == "big"


HOSTILE = {
    "SBATCH_ACCOUNT": "root",
    "SBATCH_EXPORT": "NONE",
    "SBATCH_TIMELIMIT": "3",
    "SBATCH_DEBUG": "1",
    "SRUN_CPUS_PER_TASK": "31",
    "SLURM_EXPORT_ENV": "NONE",
    "SLURM_LABELIO": "1",
    "SLURM_EXIT_ERROR": "0",
    "SLURM_CPU_BIND": "none",
    "SLURM_MEM_PER_CPU": "1",
    "MASTER_ADDR": "an-old-node",
}
KEPT = {
    "SLURM_CONF": "/x/slurm.conf",
    "SLURM_CLUSTERS": "big",
    "SLURM_ROOT": "/opt/slurm",
    "MASTER_PORT": "29777",
    "MY_OWN": "1",
}


def test_sbatch_and_the_job_see_no_option_in_the_environment() -> None:
    assert for_sbatch(HOSTILE | KEPT | {"SBATCH_EXPORT": "ALL"}) == KEPT


@pytest.mark.parametrize(
    ("export", "own"),
    [
        ("NONE", {}),
        ("none", {}),
        ("NIL", {}),
        ("ALL", {"A": "1", "B": "2", "MASTER_PORT": "29777"}),
        ("", {"A": "1", "B": "2", "MASTER_PORT": "29777"}),
        ("ALL,B=3", {"A": "1", "B": "3", "MASTER_PORT": "29777"}),
        ("A,C=x=y", {"A": "1", "C": "x=y"}),
        (",,=,A", {"A": "1"}),
    ],
)
def test_a_job_has_the_variables_that_the_site_lets_it_have(
    export: str, own: dict[str, str]
) -> None:
    always = {"PATH": "/bin", "HOME": "/home/ada", "USER": "ada", "SLURM_CONF": "/x", "LC_ALL": "C"}
    shell = always | {"A": "1", "B": "2", "MASTER_PORT": "29777", "SBATCH_EXPORT": export}
    assert for_sbatch(shell) == always | own


def test_of_a_job_that_we_are_in_only_which_slurm_it_is_stays() -> None:
    inside = {"SLURM_JOB_ID": "1", "SLURMD_NODENAME": "n1", "SLURM_TOPOLOGY_ADDR": "x", "RANK": "3"}
    left = for_sbatch(HOSTILE | KEPT | inside | {"SBATCH_EXPORT": "ALL"})
    assert left == {name: KEPT[name] for name in ("SLURM_CONF", "SLURM_CLUSTERS", "MY_OWN")}


def test_what_is_asked_of_slurm_is_asked_in_the_same_words_in_every_shell() -> None:
    shell = {
        "SINFO_PARTITION": "nope",
        "SQUEUE_FORMAT": "%j",
        "SACCT_FORMAT": "jobid",
        "SCONTROL_ALL": "1",
        "SCANCEL_INTERACTIVE": "1",
        "SLURM_TIME_FORMAT": "%s",
        "SLURM_BITSTR_LEN": "1",
    }
    assert for_questions(shell | KEPT) == KEPT | {
        "LC_ALL": "C",
        "SLURM_TIME_FORMAT": "standard",
        "SLURM_BITSTR_LEN": "0",
    }


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = fake_slurm.install(tmp_path)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.delenv("SLURM_CONF", raising=False)
    for name, value in {**HOSTILE, "MY_OWN": "1"}.items():
        monkeypatch.setenv(name, value)
    for name in ("SINFO_PARTITION", "SQUEUE_USERS", "SCANCEL_INTERACTIVE", "SLURM_TOPO_LEN"):
        monkeypatch.setenv(name, "1")
    return tmp_path


def hostile(folder: Path, command: str) -> set[str]:
    """Variables that change an answer, of those that a command saw."""
    seen = fake_slurm.environment_of(folder, command)
    prefixes = ("SINFO_", "SQUEUE_", "SCANCEL_")
    return {name for name in seen if name.startswith(prefixes) or name == "SLURM_TOPO_LEN"}


def test_every_command_that_is_started_is_started_without_them(fake: Path) -> None:
    ask(["sinfo"])
    run_command(["squeue"])
    assert not hostile(fake, "sinfo")
    assert not hostile(fake, "squeue")
    request = asked(dict(os.environ), account="edu20")
    run = submit(settings_of("baseline"), request, PLAIN, fake / "runs")
    assert run.jobs == ("4242",)
    seen = fake_slurm.environment_of(fake, "sbatch")
    assert not seen.keys() & {*HOSTILE, "MY_OWN"}
    assert os.environ["SBATCH_ACCOUNT"] == "root"  # the shell itself is as it was
    script = Path((fake / "sbatch.args").read_text().splitlines()[-1])
    assert "--account=edu20" in directives(script.read_text())
    assert "# Set by the shell that submitted: SBATCH_EXPORT=NONE\n" in script.read_text()


def test_an_executor_without_wishes_has_the_shells_defaults_as_well(fake: Path) -> None:
    executor = WorkshopExecutor(fake / "own")
    executor.update_parameters(stage="baseline", partition="a100")
    assert executor.request.account == "root"
    assert executor.request.partition == "a100"
    job = executor.submit(print, "never runs")
    assert not fake_slurm.environment_of(fake, "sbatch").keys() & HOSTILE.keys()
    job.cancel()
    assert not hostile(fake, "scancel")
    assert dataclasses.replace(executor.request, inherited=(), options={}, account=None) == Request(
        stage="baseline", job_name="baseline", output=f"{fake}/own/%j_0_log.out", partition="a100"
    )
