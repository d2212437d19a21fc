"""What Slurm's commands print around and inside their answers, and how it is read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hall import Hall, partition, reservation

from workshop.slurm.cluster.detect import detect
from workshop.slurm.facts import access, inventory
from workshop.slurm.facts.ask import NoAnswerError, ask, records
from workshop.util.text import without_escapes

GPU = "gpu|1|gpu:4|gpu01"
MOTD = "Welcome to the hall!\nNews: maintenance | on | Monday | 8 am\n*****\n"


def test_a_record_is_read_in_a_time_that_grows_as_its_length() -> None:
    start = time.perf_counter()
    for long in (" " * 200_000, "a=" * 100_000, "a " * 100_000, "=" * 200_000, "x" * 200_000):
        (record,) = records(f"NodeName=n01 CPUTot=4 Comment={long}end")
        assert (record["NodeName"], record["CPUTot"]) == ("n01", "4")
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ("A=1 B= C=3", {"A": "1", "B": "", "C": "3"}),
        ("A=a b  c B=2", {"A": "a b  c", "B": "2"}),
        ("TRES=cpu=96,mem=1G Min/Max:x=2", {"TRES": "cpu=96,mem=1G", "Min/Max:x": "2"}),
        ("A=1 Comment=ask for A=2", {"A": "1", "Comment": "ask for"}),
        ("A=1 1=2  ", {"A": "1 1=2"}),
        ("motd A=1", {"A": "1"}),
        ("no field = here", {}),
    ],
)
def test_fields_are_words_with_an_equals_sign(line: str, record: dict[str, str]) -> None:
    assert records(line) == [record]


@pytest.mark.parametrize(
    "row",
    [
        "a|b|c|d",
        "gpu|1.2K|gpu:4|g1",
        "gpu||gpu:4|g1",
        "|||",
        "gpu|-1|gpu:4|g1",
        f"gpu|{'9' * 5000}|x|y",
    ],
)
def test_rows_of_sinfo_that_are_none_are_passed_over(row: str) -> None:
    (found,) = inventory.nodes(f"{MOTD}{row}\n{GPU}")
    assert (found.partition, found.count, found.gpus) == ("gpu", 1, {"": 4})
    assert (
        detect(Hall([partition("gpu")], [*MOTD.split("\n"), row, GPU])).cluster.gpus.per_node == 4
    )


def test_a_number_of_gpus_that_is_none_is_no_traceback() -> None:
    assert inventory.gpus(f"gpu:{'9' * 5000}")
    assert sum(inventory.gpus("gpu:a100:two").values()) == 1


def test_no_command_for_the_terminal_comes_out_of_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "scontrol"
    program.write_text(
        r"""#!/bin/bash
printf 'A=\033[31mred\033[0m\a B=\033]0;title\aok \302\2330m caf\351\tx\r\nC=1\n'
[ "$1" = fail ] && { printf 'why\nscontrol: \033]52;c;AAAA\033\\error\a\n' >&2; exit 1; }
exit 0
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert ask(["scontrol"]) == "A=red B=ok  caf\N{REPLACEMENT CHARACTER}\tx\nC=1\n"
    with pytest.raises(NoAnswerError, match=r"^scontrol: error$"):
        ask(["scontrol", "fail"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[1;31mred\x1b[m", "red"),
        ("\x1b]0;never ends", ""),
        ("\x1b]0;never ends\nnext", "\nnext"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x1bcx\x1b(Bx", "xx"),
        ("a\x07b\x00c\x08d\x7f", "abcd"),
        ("\u202eabc", "\N{REPLACEMENT CHARACTER}abc"),
        ("ends in \x1b", "ends in "),
    ],
)
def test_escape_sequences_go_as_a_whole(text: str, shown: str) -> None:
    assert without_escapes(text) == shown


def test_escape_sequences_are_found_in_a_time_that_grows_as_the_length() -> None:
    start = time.perf_counter()
    for long in ("\x1b[" * 100_000, "\x1b[" + "0" * 200_000, "\x1b]" * 100_000, "\x1b" * 200_000):
        without_escapes(long)
    assert time.perf_counter() - start < 5


# Accounts


def hall(**other: object) -> Hall:
    plain: dict[str, object] = {"accounts": ["class|"], "default_account": "class"}
    return Hall([partition("gpu")], [GPU], **{**plain, **other})  # type: ignore[arg-type]


def test_a_greeting_before_sacctmgrs_answers_is_no_account() -> None:
    found = detect(
        hall(
            accounts=[*MOTD.split("\n"), "chem|", "class|", "class|"],
            default_account=f"{MOTD}class\n",
            associations=[*MOTD.split("\n"), "class|normal|class||hall"],
        )
    )
    assert found.cluster.slurm.account == "class"
    assert found.origins["slurm.account"] == "sacctmgr: the default of alice"
    user = access.who(hall(accounts=["a|", "a|", "a|gpu"]), {"AccountingStorageType": "x/slurmdbd"})
    assert user.accounts == (("a", ""), ("a", "gpu"))
    assert user.default is None, "it is none of the user's"


def silent_accounting(asked: Hall, *partitions: str) -> list[str]:
    def run(command: list[str]) -> str:
        if command[0] == "sacctmgr":
            raise NoAnswerError("sacctmgr did not answer within 20 seconds")
        return asked(command)

    found = detect(run)
    return [found.cluster.slurm.partition or "", *found.notes]


def test_where_sacctmgr_is_silent_no_partition_for_some_qos_is_chosen() -> None:
    both = [partition("best", default=True, qos="owners"), partition("open")]
    nodes = ["best|9|gpu:8|b[1-9]", "open|1|gpu:1|o1"]
    chosen, *notes = silent_accounting(Hall(both, nodes, ["class|"]))
    assert chosen == "open"
    assert any("sacctmgr did not answer within 20 seconds" in note for note in notes)
    assert silent_accounting(Hall(both[:1], nodes, ["class|"]))[0] == ""


# Subaccounts

TREE = ["class|science|", "class||alice", "science|root|", "root||", "other|root|"]


class Tree(Hall):
    """A hall whose sacctmgr knows which account is below which."""

    def __call__(self, command: list[str]) -> str:
        if "format=Account,ParentName,User" in command:
            wanted = next(w for w in command if w.startswith("account="))[8:].split(",")
            return "\n".join(row for row in TREE if row.partition("|")[0] in wanted)
        return super().__call__(command)


@pytest.mark.parametrize(
    ("rule", "open_"),
    [
        ({"accounts": "science"}, True),
        ({"accounts": "root"}, True),
        ({"accounts": "class"}, True),
        ({"accounts": "other"}, False),
        ({"more": "DenyAccounts=science"}, False),
        ({"more": "DenyAccounts=other"}, True),
    ],
)
def test_a_list_of_accounts_means_their_subaccounts_too(rule: dict[str, str], open_: bool) -> None:
    partitions = [partition("best", default=True, **rule), partition("mine")]
    nodes = ["best|9|gpu:8|b[1-9]", "mine|1|gpu:1|m1"]
    found = detect(Tree(partitions, nodes, ["class|"], "class"))
    assert found.cluster.slurm.partition == ("best" if open_ else "mine")


@pytest.mark.parametrize(("accounts", "mine"), [("science", True), ("other", False)])
def test_a_reservation_for_an_account_is_for_its_subaccounts(accounts: str, mine: bool) -> None:
    asked = Tree(
        [partition("gpu")], ["gpu|2|gpu:4|gpu[01-02]"], ["class|"], "class",
        reservations=[reservation("lesson", accounts=accounts)],
    )  # fmt: skip
    assert (detect(asked).cluster.slurm.reservation == "lesson") is mine


def test_accounts_above_each_other_in_a_circle_end() -> None:
    assert access.lineage("a", {"a": "b", "b": "a"}) == ("b", "a")


# Reservations that Slurm does not show


@pytest.mark.parametrize("answer", ["", "\n", MOTD, None])
def test_detection_goes_on_without_the_reservations(answer: str | None) -> None:
    asked = hall()

    def run(command: list[str]) -> str:
        if command[-1] == "reservation":
            if answer is None:
                raise NoAnswerError("Access/permission denied")
            return answer
        return asked(command)

    found = detect(run)
    assert found.cluster.slurm.partition == "gpu"
    assert any("reservations" in note for note in found.notes)


def test_a_node_that_slurm_does_not_show_is_no_obstacle() -> None:
    asked = hall()

    def run(command: list[str]) -> str:
        if "node" in command or "hostnames" in command:
            raise NoAnswerError("Node not found")
        return asked(command)

    assert detect(run).cluster.slurm.partition == "gpu"
