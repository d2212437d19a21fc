"""Scripts: what is asked for and nothing else, whatever a value holds."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import HANG
from sbatch_reference import directives

from workshop.slurm.job.request import Request
from workshop.slurm.job.template import LONGEST_VALUE, environment, names_in, quote, render
from workshop.stages import STAGES
from workshop.util.errors import UsageError

NASTY = [
    "a b",
    "a;touch /tmp/x",
    "$(touch x)",
    "`touch x`",
    "${HOME}",
    "'",
    '"',
    "\\",
    "a\\",
    "#",
    " # x",
    "--wrap=x",
    "*",
    "~",
    "{a,b}",
    "!x",
    "a|b>c<d&e",
    "%j",
    "é",
    "日本 語",
    "",
    "-",
    "=",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "<b>&amp;",
    "it's",
    "\\'",
    "hetjob",
    "my PackJob 'hetjob'",
]

# What has no line break, tab or other invisible character; those are refused, see below.
printable = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "), max_size=30
)
values = st.one_of(st.sampled_from(NASTY), printable)
names = st.from_regex(r"V_[A-Za-z0-9_]{0,8}", fullmatch=True)

TEXTS = (
    "job_name",
    "account",
    "mem",
    "mem_per_cpu",
    "partition",
    "qos",
    "constraint",
    "exclude",
    "reservation",
    "dependency",
    "array",
    "output",
)


def plain(**fields: object) -> Request:
    base = Request(stage="compile", job_name="workshop-compile", output="/here/job-compile-%j.out")
    return dataclasses.replace(base, **fields)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    texts = {name: draw(values) for name in TEXTS}
    return Request(
        stage=draw(st.sampled_from(list(STAGES))),
        nodes=draw(st.integers(1, 9)),
        tasks_per_node=draw(st.integers(1, 9)),
        cpus_per_task=draw(st.integers(1, 99)),
        gpus_per_node=draw(st.integers(1, 9)),
        gpu_request=draw(st.sampled_from(["gpus", "gpus-per-node", "gres", "none"])),
        gpu_type=draw(values.filter(bool)),
        time=draw(st.integers(1, 9999)),
        exclusive=draw(st.booleans()),
        requeue=draw(st.booleans()),
        signal=draw(st.booleans()),
        srun=draw(st.booleans()),
        draft=draw(values),
        modules=tuple(draw(st.lists(values, max_size=3))),
        variables=draw(st.dictionaries(names, values, max_size=3)),
        cache=draw(values.filter(bool)),
        options=draw(st.dictionaries(st.sampled_from(["wckey", "hint"]), values)),
        inherited=tuple(draw(st.lists(values, max_size=2))),
        **texts,
    )


def asked_for(request: Request) -> list[str]:
    """The directives that a request stands for."""
    gpu = [f"--{request.gpu_option}={request.gpu_value}"] if request.gpu_option else []
    return [
        f"--job-name={request.job_name}",
        f"--account={request.account}",
        f"--nodes={request.nodes}",
        f"--ntasks-per-node={request.tasks_per_node}",
        *gpu,
        f"--cpus-per-task={request.cpus_per_task}",
        f"--mem={request.mem}",
        f"--mem-per-cpu={request.mem_per_cpu}",
        f"--partition={request.partition}",
        f"--qos={request.qos}",
        f"--constraint={request.constraint}",
        f"--time={request.time_limit}",
        *(["--exclusive"] if request.exclusive else []),
        f"--exclude={request.exclude}",
        f"--reservation={request.reservation}",
        f"--dependency={request.dependency}",
        *(["--kill-on-invalid-dep=yes"] if request.dependency else []),
        f"--array={request.array}",
        "--requeue" if request.requeue else "--no-requeue",
        *([f"--signal={request.signal_value}"] if request.signal else []),
        "--open-mode=append",
        f"--output={request.output}",
        *(f"--{name}={value}" for name, value in request.options.items()),
    ]


@given(requests(), st.lists(values, min_size=1, max_size=4))
def test_a_script_holds_exactly_the_directives_asked_for(
    request: Request, command: list[str]
) -> None:
    assert directives(render(request, command)) == asked_for(request)


@given(requests(), st.lists(values.filter(bool), min_size=1, max_size=4))
@settings(max_examples=40)
def test_a_script_runs_exactly_the_commands_asked_for(request: Request, command: list[str]) -> None:
    """The shell itself reads it; programs are functions that say with which words they came."""
    say = 'printf "\\1"; printf "%s\\0" "$@"; printf "\\1"'
    functions = (
        f"module() {{ {say}; }}; srun() {{ {say}; }}; exec() {{ {say}; }}; mkdir() {{ :; }};"
        " trap() { :; }; function [ { :; }\n"
    )
    script = functions + render(request, command)
    done = subprocess.run(["bash"], input=script.encode(), capture_output=True, timeout=HANG)
    assert done.returncode == 0, done.stderr
    ran = [one.split("\0")[:-1] for one in done.stdout.decode().split("\1")[1::2]]
    assert ran[:-1] == [["load", module] for module in request.modules]
    assert ran[-1][-len(command) :] == command


@pytest.mark.parametrize("hostile", NASTY)
def test_a_hostile_word_stays_one_word(hostile: str) -> None:
    assert shlex.split(str(quote(hostile))) == [hostile]
    done = subprocess.run(
        ["bash"], input=f"printf %s {quote(hostile)}".encode(), capture_output=True, timeout=HANG
    )
    assert done.stdout.decode() == hostile


@pytest.mark.parametrize(
    "hostile", ["a\n#SBATCH --account=x", "a\rb", "a\0b", "a\x1b[2J", "a\u2028b"]
)
@pytest.mark.parametrize("field", TEXTS)
def test_what_cannot_be_one_word_is_refused(field: str, hostile: str) -> None:
    with pytest.raises(UsageError, match="line break or another invisible character"):
        render(plain(**{field: hostile}), ["true"])


def test_an_endless_value_is_refused() -> None:
    with pytest.raises(UsageError, match="has 2001 characters"):
        render(plain(account="a" * (LONGEST_VALUE + 1)), ["true"])


def test_the_script_reads_like_the_original_workshops() -> None:
    request = plain(
        account="edu20",
        gpus_per_node=1,
        cpus_per_task=12,
        partition="a100",
        time=60,
        exclusive=True,
        exclude="sim02",
        reservation="edu20",
        modules=("Anaconda3/2023.03-1", "CUDA/11.8.0"),
    )
    lines = render(request, ["python", "-m", "workshop"]).splitlines()
    assert lines[0] == "#!/bin/bash -l"
    for line in (
        "#SBATCH --job-name=workshop-compile",
        "#SBATCH --account=edu20",
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks-per-node=1",
        "#SBATCH --gpus=1",
        "#SBATCH --cpus-per-task=12",
        "#SBATCH --partition=a100",
        "#SBATCH --time=01:00:00",
        "#SBATCH --exclusive",
        "#SBATCH --exclude=sim02",
        "#SBATCH --reservation=edu20",
        "#SBATCH --output=/here/job-compile-%j.out",
    ):
        assert line in lines
    assert any(line.startswith("module load CUDA/11.8.0 ||") for line in lines)


def test_what_was_not_asked_for_is_not_in_it() -> None:
    text = render(plain(gpu_request="none", gpus_per_node=1, requeue=False), ["true"])
    for option in ("gpus", "gres", "account", "partition", "reservation", "exclusive", "array"):
        assert f"--{option}" not in text
    assert "--no-requeue" in text


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_template_that_builds_on_the_base(stage: str) -> None:
    text = render(plain(stage=stage, cache="/tmp/cache"), ["true"])
    assert f"echo Example:= {stage}" in text
    # What is compiled is kept, from the stage on that compiles.
    assert ("TORCHINDUCTOR_CACHE_DIR" in text) == (stage != "baseline")


def test_tp_starts_its_ranks_by_srun_even_where_a_single_rank_is_not() -> None:
    one = render(plain(srun=False), ["true"])
    assert "exec true" in one
    assert "#SBATCH --signal=B:USR2@60" in one
    two = render(plain(stage="tp", srun=False, tasks_per_node=2, cpus_per_task=3), ["true"])
    assert "srun --export=ALL --kill-on-bad-exit=1 --cpus-per-task=3 true" in two
    assert "#SBATCH --signal=USR2@60" in two


@pytest.mark.parametrize(
    ("fields", "directive"),
    [
        ({"gpus_per_node": 2}, "--gpus=2"),
        ({"gpus_per_node": 2, "gpu_type": "a100"}, "--gpus=a100:2"),
        ({"gpus_per_node": 2, "gpu_request": "gpus-per-node"}, "--gpus-per-node=2"),
        ({"gpus_per_node": 2, "gpu_request": "gres"}, "--gres=gpu:2"),
        ({"gpus_per_node": 2, "gpu_request": "gres", "gpu_type": "a100"}, "--gres=gpu:a100:2"),
        # --gpus=4 on two nodes may come out as 3 and 1.
        ({"gpus_per_node": 2, "nodes": 2}, "--gpus-per-node=2"),
    ],
)
def test_gpus_are_asked_for_as_the_cluster_wants_it(fields: dict, directive: str) -> None:
    assert directive in directives(render(plain(**fields), ["true"]))


def test_setup_lines_are_the_sites_own_shell_and_each_must_succeed() -> None:
    lines = ("export A=1 # a comment", "false && true", "export B=2")
    script = render(plain(setup=lines, gpus_per_node=0), ["true"])
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, timeout=HANG)
    assert done.returncode == 1
    assert "workshop: setup failed (exit code 1): false && true" in done.stderr


def test_an_instructors_own_template_comes_first(tmp_path: Path) -> None:
    (tmp_path / "compile.slurm.j2").write_text(
        '{% extends "base.slurm.j2" %}{% block example %}echo {{ greeting }}{% endblock %}'
    )
    assert "echo 'hello you'" in render(plain(extra={"greeting": "hello you"}), ["true"], tmp_path)
    assert names_in(environment(tmp_path), "compile.slurm.j2") > {"greeting", "account"}


@pytest.mark.parametrize(
    ("template", "extra", "said"),
    [
        ("echo {{ missing }}", {}, "needs a value that it was not given: 'missing' is undefined"),
        ("{% if %}", {}, "line 1 cannot be read"),
        ('{% extends "nowhere.j2" %}', {}, "there is no template nowhere.j2"),
        ("echo {{ account }}", {"colour": "red"}, "--set colour: the template"),
    ],
)
def test_a_template_that_does_not_work_is_one_sentence(
    tmp_path: Path, template: str, extra: dict[str, str], said: str
) -> None:
    (tmp_path / "compile.slurm.j2").write_text(template)
    with pytest.raises(UsageError) as error:
        render(plain(extra=extra), ["true"], tmp_path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_template_without_quoting_of_its_own_is_safe_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "compile.slurm.j2").write_text("#SBATCH --account={{ account }}\n{{ command }}\n")
    text = render(plain(account="a --wrap=$(x)"), ["true"], tmp_path)
    assert directives(text) == ["--account=a --wrap=$(x)"]
