"""A cluster's description: read with every mistake named, found where one would look, shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.slurm import times
from workshop.slurm.cluster.description import Cluster, Environment, Gpus, Paths, Scheduling
from workshop.slurm.cluster.expand import expand, expanded
from workshop.slurm.cluster.find import SHIPPED, available, find_cluster, nearest
from workshop.slurm.cluster.load import all_keys, load
from workshop.slurm.cluster.toml import comment, dumps, flat, string
from workshop.stages import UsageError

ALICE = {"USER": "alice", "HOME": "/home/alice"}


def describe(folder: Path, text: str, name: str = "cluster.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def mistake(path: Path) -> str:
    with pytest.raises(UsageError) as raised:
        load(path)
    said = str(raised.value)
    assert said.startswith(str(path))
    assert "\n" not in said
    return said.removeprefix(str(path)).removeprefix(":").strip()


# Reading


def test_an_empty_file_is_a_cluster_of_defaults_named_as_the_file(tmp_path: Path) -> None:
    path = describe(tmp_path, "", "hall.toml")
    assert load(path) == Cluster(name="hall", source=path)


def test_what_the_file_says_is_what_the_cluster_has(tmp_path: Path) -> None:
    text = """
        name = "Hall"
        [slurm]
        partition = "a100"
        exclusive = true
        time = "1-12"
        cpus_per_task = 12
        [environment]
        modules = ["CUDA/11.8.0", "Anaconda3"]
        variables = { HF_HUB_OFFLINE = "1", EMPTY = "" }
    """
    path = describe(tmp_path, text)
    assert load(path) == Cluster(
        name="Hall",
        slurm=Scheduling(partition="a100", exclusive=True, time="1-12", cpus_per_task=12),
        environment=Environment(
            modules=("CUDA/11.8.0", "Anaconda3"), variables={"HF_HUB_OFFLINE": "1", "EMPTY": ""}
        ),
        source=path,
    )


SLURM_KEYS = "the keys of [slurm] are partition, account, reservation, qos, constraint, exclude"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[slurm", "is not TOML: Expected ']' at the end of a table declaration (at "),
        ("\n[slurm]\npartition = a100", "(at line 3, column 13); text needs quotes"),
        ("[slurm]\nacount = 'x'", "there is no key slurm.acount (did you mean account?)"),
        ("[slurm]\nacount = 'x'", SLURM_KEYS),
        ("[slurm]\nnonsense = 'x'", "there is no key slurm.nonsense; the keys of [slurm] are"),
        ("partition = 'x'", "there is no key partition (did you mean slurm.partition?)"),
        ("[gpu]", "there is no key gpu (did you mean gpus?); the keys and tables are name,"),
        ("source = 'x'", "there is no key source"),
        ("slurm = 1", "slurm is the number 1, and must be a table, as [slurm]"),
        ("[[slurm]]", "slurm is a list, and must be a table"),
        ("[slurm]\npartition = 7", "slurm.partition is the number 7, and must be text, in quotes"),
        ("[slurm]\npartition = ''", "slurm.partition is empty, and must be left out where it is"),
        ("[slurm]\npartition = 'a b'", 'slurm.partition is "a b", and must be one word'),
        ("[slurm]\ntime = 01:00:00", "slurm.time is 01:00:00 without quotes, and must be text"),
        ("[slurm]\ntime = 60", "slurm.time is the number 60, and must be text, in quotes"),
        ("[slurm]\ntime = '1h'", 'slurm.time is "1h", and must be a time above 0, as M, M:S, H:'),
        ("[slurm]\ntime = '0:00'", "must be a time above 0"),
        ("[slurm]\nmem = 'lots'", 'slurm.mem is "lots", and must be a size, as "16G"'),
        ("[slurm]\nexclusive = 'yes'", 'slurm.exclusive is "yes", and must be true or false'),
        ("[slurm]\ncpus_per_task = '12'", 'is "12", and must be a whole number above 0'),
        ("[slurm]\ncpus_per_task = 0", "is the number 0, and must be a whole number above 0"),
        ("[slurm]\ncpus_per_task = true", "is true, and must be a whole number above 0"),
        ("[gpus]\nper_node = -1", "gpus.per_node is the number -1, and must be a whole number"),
        (
            "[gpus]\nrequest = 'gpu'",
            'gpus.request is "gpu", and must be one of gpus, gpus-per-node, gres, none '
            "(did you mean gpus?)",
        ),
        ("[gpus]\nrequest = false", "gpus.request is false, and must be one of gpus, gpus-per"),
        ("[environment]\nmodules = 'CUDA'", "must be a list of texts"),
        ("[environment]\nmodules = ['CUDA', 1]", "environment.modules, item 2, is the number 1"),
        ("[environment]\nmodules = ['CUDA conda']", 'item 1, is "CUDA conda", and must be one wo'),
        ('[environment]\nsetup = ["a\\nb"]', 'setup, item 1, is "a\\nb", and must be one line'),
        ('[environment]\nsetup = ["a\\u2028b"]', "must be one line"),
        ('description = "\\u001b[31m"', 'description is "\\x1b[31m", and must be one line'),
        (
            "[environment.variables]\nOFFLINE = 1",
            'environment.variables.OFFLINE is the number 1, and must be text, in quotes, as "1"',
        ),
        ("[environment.variables]\nOFFLINE = true", "OFFLINE is true, and must be text, in quotes"),
        ("[environment.variables]\nMY-VAR = '1'", "variables.MY-VAR is no name for a variable"),
        ("[environment.variables]\n'A;B' = '1'", "variables.A;B is no name for a variable"),
        ('[environment.variables]\nA = "1\\n2"', 'variables.A is "1\\n2", and must be one line'),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    assert said in mistake(describe(tmp_path, text))


def test_a_backslash_within_single_quotes_is_no_new_line(tmp_path: Path) -> None:
    path = describe(tmp_path, "[environment]\nsetup = ['printf a\\n']")
    assert load(path).environment.setup == ("printf a\\n",)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert mistake(tmp_path / "nowhere.toml") == "cannot be read: No such file or directory"
    assert mistake(tmp_path) == "cannot be read: Is a directory"
    latin = tmp_path / "latin.toml"
    latin.write_bytes("name = 'Zürich'".encode("latin-1"))
    assert mistake(latin) == "is not UTF-8 text: byte 9 is wrong"


def test_a_file_from_another_editor_is_read(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b'\xef\xbb\xbf[slurm]\r\npartition = "a100"\r\n')
    assert load(path).slurm.partition == "a100"


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("90", 90 * 60),
        ("5:30", 330),
        ("01:00:00", 3600),
        ("2-0", 2 * 86400),
        ("1-2:30", 86400 + 2 * 3600 + 30 * 60),
        ("1-02:03:04", 86400 + 2 * 3600 + 3 * 60 + 4),
        ("UNLIMITED", None),
        ("1:2:3:4", None),
        ("1-", None),
        ("-5", None),
        ("", None),
        ("1 ", None),
        ("٣", None),
    ],
)
def test_times_are_read_as_slurm_reads_them(time: str, seconds: int | None) -> None:
    assert times.seconds(time) == seconds


@given(st.integers(0, 10**7))
def test_a_time_written_is_the_time_read(length: int) -> None:
    assert times.seconds(times.clock(length)) == length


# Writing

LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
LINES = st.text(LETTERS, min_size=1)
VALUES = st.text(LETTERS)
WORDS = st.text(LETTERS, min_size=1).filter(lambda text: not re.search(r"\s", text))
NUMBERS = st.integers(1, 10**6)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


def lists(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(strategy, max_size=4).map(tuple)


CLUSTERS = st.builds(
    Cluster,
    name=LINES,
    description=maybe(LINES),
    slurm=st.builds(
        Scheduling,
        **dict.fromkeys(
            ("partition", "account", "reservation", "qos", "constraint", "exclude"), maybe(WORDS)
        ),
        exclusive=st.booleans(),
        time=st.integers(1, 10**7).map(times.clock),
        cpus_per_task=maybe(NUMBERS),
        mem=maybe(st.sampled_from(["0", "16G", "512000M", "1TB"])),
        srun=st.booleans(),
    ),
    gpus=st.builds(
        Gpus,
        request=st.sampled_from(["gpus", "gpus-per-node", "gres", "none"]),
        type=maybe(WORDS),
        per_node=maybe(NUMBERS),
        kind=maybe(LINES),
    ),
    environment=st.builds(
        Environment,
        modules=lists(WORDS),
        setup=lists(LINES),
        python=maybe(LINES),
        variables=st.dictionaries(NAMES, VALUES, max_size=4),
    ),
    paths=st.builds(Paths, **{one.name: maybe(LINES) for one in fields(Paths)}),
)


@given(CLUSTERS, st.text())
def test_what_is_written_reads_back_as_the_same_cluster(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, remark: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.toml"
    path.write_text(dumps(cluster, dict.fromkeys(flat(cluster), remark)), encoding="utf-8")
    assert replace(load(path), source=None) == cluster


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_a_string_of_toml(text: str) -> None:
    assert tomllib.loads(f"key = {string(text)}") == {"key": text}
    assert tomllib.loads(comment(text)) == {}


# Finding


@pytest.fixture
def site(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "prefix" / "etc" / "workshop", tmp_path / "etc" / "workshop"


def test_the_nearest_description_is_used(tmp_path: Path, site: tuple[Path, Path]) -> None:
    environ = {"HOME": str(tmp_path / "home")}
    cwd = tmp_path / "work"
    assert nearest(cwd, environ, site) == SHIPPED / "generic.toml"
    for folder, name in (
        (site[1], "cluster.toml"),
        (site[0], "cluster.toml"),
        (tmp_path / "home" / ".config" / "workshop", "cluster.toml"),
        (cwd, "workshop.toml"),
    ):
        path = describe(folder, "", name)
        assert nearest(cwd, environ, site) == path
        assert find_cluster(None, cwd, environ, site).source == path


def test_a_name_is_the_users_own_before_the_sites_before_ours(
    tmp_path: Path, site: tuple[Path, Path]
) -> None:
    environ = {"HOME": "/nowhere", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert find_cluster("cyclone", tmp_path, environ, site).source == SHIPPED / "cyclone.toml"
    for folder in (site[1], site[0], tmp_path / "config" / "workshop"):
        path = describe(folder, "", "cyclone.toml")
        assert find_cluster("cyclone", tmp_path, environ, site).source == path
        assert available(environ, site)["cyclone"] == path


def test_a_relative_configuration_folder_is_ignored_as_xdg_says(tmp_path: Path) -> None:
    path = describe(tmp_path / ".config" / "workshop", "")
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "config"}
    assert nearest(tmp_path, environ, ()) == path


def test_what_is_wanted_may_be_a_file(tmp_path: Path) -> None:
    describe(tmp_path / "sub", "", "hall.toml")
    describe(tmp_path, "", "hall.toml")
    describe(tmp_path, "", "plain")
    environ = {"HOME": str(tmp_path)}
    for wanted in ("hall.toml", "./hall.toml", "sub/hall.toml", "plain", "~/sub/hall.toml"):
        found = find_cluster(wanted, tmp_path, environ, ())
        assert found.source == tmp_path / wanted.removeprefix("~/")
    with pytest.raises(UsageError, match=r"other\.toml cannot be read: No such file"):
        find_cluster("other.toml", tmp_path, environ, ())


def test_the_variable_speaks_where_the_command_line_does_not(tmp_path: Path) -> None:
    environ = {**ALICE, "WORKSHOP_CLUSTER": "cyclone"}
    assert find_cluster(None, tmp_path, environ, ()).name == "cyclone"
    assert find_cluster("lumi", tmp_path, environ, ()).name == "lumi"
    assert find_cluster(None, tmp_path, {**ALICE, "WORKSHOP_CLUSTER": ""}, ()).name == "generic"


def test_an_unknown_name_is_told_what_there_is(tmp_path: Path, site: tuple[Path, Path]) -> None:
    describe(site[0], "", "hall.toml")
    said = (
        "there is no cluster 'cyclon' (did you mean cyclone?); "
        "those there are: cyclone, generic, hall, lumi"
    )
    with pytest.raises(UsageError) as raised:
        find_cluster("cyclon", tmp_path, ALICE, site)
    assert str(raised.value) == said


# Expanding


@pytest.mark.parametrize(
    ("text", "is_"),
    [
        ("/tmp/$USER/x", "/tmp/alice/x"),
        ("/tmp/${USER}s", "/tmp/alices"),
        ("$HOME/runs", "/home/alice/runs"),
        ("~/runs", "/home/alice/runs"),
        ("~", "/home/alice"),
        ("/a/~/b~", "/a/~/b~"),
        ("plain", "plain"),
    ],
)
def test_the_users_own_is_put_in(text: str, is_: str) -> None:
    assert expand(text, ALICE) == is_


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("/x/$PROJECT/y", "$PROJECT"),
        ("${HOME:-x}", "${HOME:-x}"),
        ("$(pwd)", "$"),
        ("$USERS", "$USERS"),
        ("$1", "$"),
        ("~bob/x", "~bob"),
    ],
)
def test_what_nobody_would_put_in_is_refused(text: str, named: str) -> None:
    with pytest.raises(UsageError) as raised:
        expand(text, ALICE)
    assert str(raised.value) == f"{named} is not expanded, only $USER, $HOME and ~ are"


def test_what_came_in_is_not_read_again() -> None:
    assert expand("~/$USER", {"HOME": "/h/$USER", "USER": "$HOME"}) == "/h/$USER/$HOME"


def test_a_shell_that_does_not_say_who_one_is_is_no_obstacle() -> None:
    import pwd

    me = pwd.getpwuid(os.getuid())
    assert expand("$USER", {}) == me.pw_name
    assert expand("~/x", {}) == f"{me.pw_dir}/x"


def test_paths_variables_and_the_interpreter_are_the_users(tmp_path: Path) -> None:
    cluster = Cluster(
        environment=Environment(
            setup=("echo $ANYTHING",), python="~/venv/bin/python", variables={"CACHE": "/x/$USER"}
        ),
        paths=Paths(cache="/tmp/$USER", runs="~/runs"),
    )
    assert expanded(cluster, ALICE) == Cluster(
        environment=Environment(
            setup=("echo $ANYTHING",),
            python="/home/alice/venv/bin/python",
            variables={"CACHE": "/x/alice"},
        ),
        paths=Paths(cache="/tmp/alice", runs="/home/alice/runs"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[paths]\ncache = '$TMPDIR/x'", "paths.cache: $TMPDIR is not expanded"),
        (
            "[environment.variables]\nLD_PATH = '/x:$LD_PATH'",
            "environment.variables.LD_PATH: $LD_PATH is not expanded, only $USER, $HOME and ~ are; "
            "write an export line under environment.setup instead",
        ),
        ("[environment]\npython = '$VENV/bin/python'", "; activate it under environment.setup"),
    ],
)
def test_a_reference_to_something_else_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = describe(tmp_path, text)
    with pytest.raises(UsageError) as raised:
        expanded(load(path), ALICE)
    assert str(raised.value).startswith(f"{path}: ")
    assert said in str(raised.value)


# Shipped


@pytest.mark.parametrize("name", sorted(file.stem for file in SHIPPED.glob("*.toml")))
def test_what_is_shipped_loads_and_expands(name: str) -> None:
    cluster = load(SHIPPED / f"{name}.toml")
    assert cluster.name == name
    assert cluster.description
    assert "$" not in (expanded(cluster, ALICE).paths.cache or "")


def test_cyclone_is_what_the_original_workshop_asked_for() -> None:
    cyclone = load(SHIPPED / "cyclone.toml")
    assert cyclone.slurm == Scheduling(
        partition="a100",
        account="edu20",
        reservation="edu20",
        exclude="sim02",
        exclusive=True,
        time="01:00:00",
        cpus_per_task=12,
    )
    assert cyclone.gpus == Gpus("gpus", None, 4, "NVIDIA A100 40 GB")
    assert cyclone.environment.modules == ("Anaconda3/2023.03-1", "CUDA/11.8.0")
    assert cyclone.environment.setup[-1] == "conda activate /nvme/scratch/edu20/envs/pytorch"
    assert cyclone.environment.python == "python"
    assert cyclone.paths.checkpoints == "/nvme/scratch/edu20/gpt-fast-checkpoints"


def test_generic_asks_for_nothing_but_shows_every_key(tmp_path: Path) -> None:
    text = (SHIPPED / "generic.toml").read_text()
    plain = load(SHIPPED / "generic.toml")
    assert replace(plain, description=None, source=None) == Cluster()
    used = load(describe(tmp_path, re.sub(r"^#(?=[\[a-zA-Z])", "", text, flags=re.MULTILINE)))
    keys = {key.replace(".variables.HF_HUB_OFFLINE", ".variables") for key in flat(used)}
    assert keys == set(all_keys())


# The command


def workshop(cwd: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if key != "WORKSHOP_CLUSTER"}
    return subprocess.run(
        [sys.executable, "-m", "workshop", "cluster", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**plain, **ALICE, "XDG_CONFIG_HOME": str(cwd / "config"), **env},
        timeout=60,
        check=False,
    )


def test_show_prints_the_file_and_all_it_comes_to(tmp_path: Path) -> None:
    path = describe(tmp_path, "[paths]\ncache = '/tmp/$USER/x'", "workshop.toml")
    done = workshop(tmp_path, "show")
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == f"# from {path}"
    assert 'time = "00:30:00"' in rest
    assert re.search(r'cache = "/tmp/\$USER/x" +# for you: /tmp/alice/x', done.stdout)
    again = describe(tmp_path / "again", done.stdout, "workshop.toml")
    assert replace(load(again), source=path) == load(path)


def test_show_for_scripts_is_what_a_job_gets(tmp_path: Path) -> None:
    done = workshop(tmp_path, "show", "cyclone", "--json")
    shown = json.loads(done.stdout)
    assert shown["slurm"]["account"] == "edu20"
    assert shown["paths"]["cache"] == "/tmp/workshop-alice"
    assert shown["source"] == str(SHIPPED / "cyclone.toml")


def test_list_names_all_and_survives_a_broken_one(tmp_path: Path) -> None:
    mine = describe(tmp_path / "config" / "workshop", "nonsense = 1", "mine.toml")
    done = workshop(tmp_path, "list", WORKSHOP_CLUSTER="lumi")
    assert done.returncode == 0, done.stderr
    assert f"mine         unusable: {mine}: there is no key nonsense" in done.stdout
    assert load(SHIPPED / "cyclone.toml").description in done.stdout
    assert done.stdout.splitlines()[-1] == f"used here: {SHIPPED / 'lumi.toml'}"


def test_a_mistake_in_the_file_is_exit_code_2(tmp_path: Path) -> None:
    describe(tmp_path, "[slurm]\nacount = 'x'", "workshop.toml")
    for arguments in (["show"], ["show", "nowhere"]):
        done = workshop(tmp_path, *arguments)
        assert done.returncode == 2
        assert re.fullmatch(r"Error: [^\n]+\n", done.stderr)


def test_help_waits_for_no_heavy_import() -> None:
    code = (
        "import sys\n"
        "from workshop.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'torch', 'matplotlib', 'submitit', 'numpy', 'rich', 'msgspec'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)\n"
    )
    for arguments in (["cluster", "--help"], ["cluster", "show"], ["cluster", "list"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
