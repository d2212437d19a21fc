"""``workshop cluster``: what is used, what there is, and one sentence for a mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from cluster_parts import ALICE, describe
from patience import HANG

from workshop.slurm.cluster.find import DEFAULT, HERE, SHIPPED, SITE, VARIABLE
from workshop.slurm.cluster.load import load


def workshop(cwd: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if key != "WORKSHOP_CLUSTER"}
    return subprocess.run(
        [sys.executable, "-m", "workshop", "cluster", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**plain, **ALICE, "XDG_CONFIG_HOME": str(cwd / "config"), **env},
        timeout=HANG,
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
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANG)
        assert done.returncode == 0, done.stderr


def test_help_names_every_place_where_a_description_is_looked_for(tmp_path: Path) -> None:
    shown = workshop(tmp_path, "--help").stdout
    places = [
        HERE,
        f".config/workshop/{DEFAULT}",
        f"  etc/workshop/{DEFAULT}",
        f"/etc/workshop/{DEFAULT}",
    ]
    for place in [*places, VARIABLE, "XDG_CONFIG_HOME", "the generic one"]:
        assert place in shown
    assert len(SITE) == 2
