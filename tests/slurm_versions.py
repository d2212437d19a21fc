"""Run the tests that need a Slurm on several versions of it, and print a table for the docs.

    .venv/bin/python tests/slurm_versions.py                 # as root: makes the roots, runs all
    .venv/bin/python tests/slurm_versions.py forky -- -k accounting

Each Debian release is installed once into a directory of its own, by debootstrap, and removed by
hand. Its Slurm runs in the sandboxes of the tests (WORKSHOP_SLURM_ROOT), first without and then
with accounting. This takes many minutes for each release, so CI does not do it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
RELEASES = ("bookworm", "trixie", "forky")
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    *("slurm-wlm", "slurmctld", "slurmd", "slurm-client", "munge"),
    *("slurmdbd", "mariadb-server-core", "mariadb-client-core"),
)
SHOWN = ("slurmctld", "mariadb-server-core", "munge", "libc6")
TESTS = (
    *("test_sandbox.py", "test_sandbox_command.py", "test_sandbox_killed.py"),
    *("test_sandbox_start.py", "test_sandbox_root.py", "test_queue_real.py", "test_submit.py"),
    *("test_submit_shell.py", "test_doctor.py", "test_detect.py", "test_follow.py"),
    "test_last_words.py::test_what_a_real_slurm_writes_is_understood",
)
PROCESSES = 2


@dataclass(frozen=True)
class Outcome:
    passed: int
    failed: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.passed} passed" + (f", {len(self.failed)} failed" if self.failed else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("releases", nargs="*", default=RELEASES, help="of Debian")
    parser.add_argument("--roots", type=Path, default=Path("/var/tmp/slurm-roots"))
    parser.add_argument("--mirror", default=MIRROR)
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:split])
    roots = [arguments.roots / release for release in arguments.releases]
    for root in roots:
        if not (root / "usr" / "sbin" / "slurmdbd").exists():
            make_root(root, arguments.mirror)
    print(table([(root, *both(root, words[split + 1 :])) for root in roots]))


def make_root(root: Path, mirror: str) -> None:
    """A Debian of the release that the root's name says, with Slurm, MariaDB and munge."""
    root.parent.mkdir(parents=True, exist_ok=True)
    scripts = Path("/usr/share/debootstrap/scripts")
    script = [] if (scripts / root.name).exists() else [str(scripts / "sid")]  # newer than ours
    check("debootstrap", "--variant=minbase", root.name, str(root), mirror, *script)
    # Daemons are not to be started when they are installed.
    policy = root / "usr" / "sbin" / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    install = ("apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES)
    check("chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", *install)


def check(*command: str) -> None:
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"'{' '.join(command)}' fails:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def both(root: Path, options: Sequence[str]) -> list[Outcome]:
    """How the tests end without and with accounting."""
    return [run_tests(root, accounting, options) for accounting in (False, True)]


def run_tests(root: Path, accounting: bool, options: Sequence[str]) -> Outcome:
    variables = {
        "WORKSHOP_SLURM_ROOT": str(root),
        "WORKSHOP_REQUIRE_SLURM": "1",
        "WORKSHOP_TEST_ACCOUNTING": "1" if accounting else "",
    }
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", *options]
        side_by_side = ["-n", str(PROCESSES), "--dist", "loadfile"]
        tests = [str(HERE / name) for name in TESTS]
        print(f"{root.name}, accounting: {accounting}", file=sys.stderr, flush=True)
        subprocess.run(
            [*command, *side_by_side, *tests],
            env=os.environ | variables,
            cwd=HERE.parent,
            stdout=sys.stderr,
        )
        return outcome(ET.parse(report).getroot())


def outcome(report: ET.Element) -> Outcome:
    cases = list(report.iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or error(case)]
    skipped = [case for case in cases if case.find("skipped") is not None]
    names = tuple(f"{case.get('classname')}::{case.get('name')}" for case in failed)
    return Outcome(len(cases) - len(failed) - len(skipped), names)


def error(case: ET.Element) -> bool:
    return case.find("error") is not None


def table(rows: Sequence[tuple[Path, Outcome, Outcome]]) -> str:
    lines = [
        "| Debian | Slurm | MariaDB | munge | glibc | without accounting | with accounting |",
        "|---|---|---|---|---|---|---|",
    ]
    for root, without, with_accounting in rows:
        cells = [root.name, *versions(root), str(without), str(with_accounting)]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Run on {datetime.date.today()}."]
    for root, *outcomes in rows:
        for name in sorted({name for one in outcomes for name in one.failed}):
            lines.append(f"{root.name}: {name}")
    return "\n".join(lines)


def versions(root: Path) -> list[str]:
    """Of the packages that are shown; dpkg-query sorts them by name."""
    admin = f"--admindir={root}/var/lib/dpkg"
    query = ["dpkg-query", admin, "--show", "--showformat=${Package} ${Version}\\n", *SHOWN]
    shown = subprocess.run(query, text=True, capture_output=True, check=True).stdout
    found = dict(line.split() for line in shown.splitlines())
    return [found[name] for name in SHOWN]


if __name__ == "__main__":
    main()
