"""A cluster's description is found where one would look."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_parts import ALICE, describe

from workshop.slurm.cluster.find import SHIPPED, available, find_cluster, nearest
from workshop.util.errors import UsageError


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


def test_a_variable_that_names_no_file_is_told(tmp_path: Path) -> None:
    environ = {"WORKSHOP_CLUSTER": str(tmp_path / "gone.toml"), "HOME": str(tmp_path)}
    with pytest.raises(UsageError, match=r"sets WORKSHOP_CLUSTER=.*gone.toml.*: unset"):
        find_cluster(None, tmp_path, environ, ())
    with pytest.raises(UsageError, match="cannot be read"):
        find_cluster(str(tmp_path / "gone.toml"), tmp_path, environ, ())
