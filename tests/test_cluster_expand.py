"""What a cluster's description leaves to the user is put in, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cluster_parts import ALICE, describe

from workshop.slurm.cluster.description import Cluster, Environment, Paths
from workshop.slurm.cluster.expand import expand, expanded
from workshop.slurm.cluster.load import load
from workshop.util.errors import UsageError


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
