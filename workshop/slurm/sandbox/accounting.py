"""Accounting for a sandbox: MariaDB and slurmdbd, and who may run jobs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from workshop.slurm.sandbox import config, processes, root
from workshop.slurm.sandbox.config import ACCOUNT, CLUSTER, DATABASE, Host
from workshop.slurm.sandbox.daemons import Daemons
from workshop.slurm.sandbox.errors import SandboxError

# A few jobs need no more; and what is lost in a crash was a rehearsal.
SMALL = (
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=16M",
    "--innodb-flush-log-at-trx-commit=0",
)

# Slurm 26.05 asks for it. Loose: an older MariaDB has no such option.
SLURM_NEEDS = ("--loose-innodb-snapshot-isolation=OFF",)


def start_accounting(daemons: Daemons, host: Host) -> None:
    start_database(daemons, host)
    path = daemons.directory / "etc" / "slurmdbd.conf"
    path.touch(mode=0o600)
    path.write_text(config.slurmdbd_conf(daemons.directory, host))
    daemons.start(
        "slurmdbd", "slurmdbd", "-D", MYSQL_UNIX_PORT=str(daemons.directory / "run" / "mysql.sock")
    )
    daemons.wait_for_port("slurmdbd", host)
    register(daemons, host)


def start_database(daemons: Daemons, host: Host) -> None:
    """MariaDB, for whoever may enter the directory: no network, no passwords."""
    directory = daemons.directory
    user = f"--user={host.user}"  # root has to say that it means it
    where = ["--no-defaults", *base(directory), f"--datadir={directory}/db", user, *SMALL]
    (directory / "db").mkdir(mode=0o700)
    with (directory / "log" / "mariadbd.log").open("ab") as log:
        made = subprocess.run(
            [daemons.tools["mariadb-install-db"], *where, "--skip-test-db", "--skip-name-resolve"],
            env=processes.marked_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    if made.returncode:
        daemons.fail("mariadbd", "cannot make a database")
    # An empty database. slurmdbd would make it, but with MariaDB 11.8 a connection that found none
    # answers the next query with error 5027, which ends slurmdbd.
    (directory / "db" / DATABASE).mkdir(mode=0o700)
    daemons.start(
        "mariadbd",
        "mariadbd",
        *where,
        "--skip-grant-tables",
        "--skip-networking",
        *SLURM_NEEDS,
        f"--socket={directory}/run/mysql.sock",
        f"--pid-file={directory}/run/mariadbd.pid",
    )
    daemons.wait("mariadbd", (directory / "run" / "mysql.sock").is_socket)


def base(directory: Path) -> list[str]:
    """Where MariaDB's own files are, if they come from a root."""
    prefix = root.prefix(directory)
    return [f"--basedir={prefix}"] if prefix.exists() else []


def register(daemons: Daemons, host: Host) -> None:
    """Make the cluster, the course's account and its only user known."""
    for words in (
        ("add", "cluster", CLUSTER),
        ("add", "account", ACCOUNT, f"cluster={CLUSTER}"),
        ("add", "user", host.user, f"account={ACCOUNT}"),
        # Root is there from the start, with an account of its own.
        ("modify", "user", host.user, "set", f"defaultaccount={ACCOUNT}"),
    ):
        done = daemons.ask("sacctmgr", "--immediate", *words)
        # Asked for what is so already, sacctmgr says that nothing changed, and fails.
        if done.returncode and "Nothing" not in done.stdout + done.stderr:
            raise SandboxError(f"sacctmgr cannot {' '.join(words)}: {done.stderr.strip()}")
