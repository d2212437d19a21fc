"""A cluster's description: read with every mistake named, and written so that it reads back."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
from cluster_parts import describe
from hypothesis import given
from hypothesis import strategies as st

from workshop.slurm import times
from workshop.slurm.cluster.description import Cluster, Environment, Gpus, Paths, Scheduling
from workshop.slurm.cluster.load import load
from workshop.slurm.cluster.toml import comment, dumps, flat, string
from workshop.util.errors import UsageError

# Reading


def mistake(path: Path) -> str:
    with pytest.raises(UsageError) as raised:
        load(path)
    said = str(raised.value)
    assert said.startswith(str(path))
    assert "\n" not in said
    return said.removeprefix(str(path)).removeprefix(":").strip()


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
