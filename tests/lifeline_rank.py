"""A rank of a run without the run, for the tests of lifelines.

Called as `lifeline_rank.py RANK RANKS PORT DO`, it meets the others, says "met", and does what it
is told; where it ends by itself, it says what it knows of the others. One that is to fail does so
when a line has come on standard input. The ranks wait for each other longer than a test waits for
them, so a test that passes proves that no rank sat out that time limit.
"""

from __future__ import annotations

import sys
import threading

from patience import HANG

from workshop.runner.ranks import meeting
from workshop.runner.ranks.lifeline import RankLostError
from workshop.runner.ranks.meeting import meet
from workshop.runner.ranks.rank import Rank

meeting.LONGEST_START = 2 * HANG


def say(words: object) -> None:
    print(words, flush=True)


def main(rank: int, ranks: int, port: int, do: str) -> int:
    try:
        line = meet(Rank(rank, ranks, rank, port=port))
    except RankLostError as lost:
        say(lost)
        return 1
    say("met")
    if do == "fail":
        sys.stdin.readline()
        line.fail("the GPU's memory is full", "take a smaller model")
    elif do == "wait":  # as in an all-reduce that nothing interrupts
        line.last_words = lambda lost: say(f"{lost}; {lost.advice}")
        threading.Event().wait()
    line.let_go()
    say(line.lost or "all went well")
    return 0


if __name__ == "__main__":
    given_rank, given_ranks, given_port, given_do = sys.argv[1:]
    sys.exit(main(int(given_rank), int(given_ranks), int(given_port), given_do))
