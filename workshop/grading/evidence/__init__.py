"""Logs as evidence: what a record shows of itself, of its machine, and beside other people's.

``examine`` looks at one person's logs, ``twins`` and ``peers`` at the whole class's, and ``rerun``
runs some again.
Each check is a function of a run that yields findings, with its reasoning in its docstring. A
teacher decides: docs/evidence.md.
"""

from workshop.grading.evidence.accounting import ask_sacct
from workshop.grading.evidence.examine import examine
from workshop.grading.evidence.log import Log, Run, logs_below
from workshop.grading.evidence.peers import peers
from workshop.grading.evidence.rerun import rerun
from workshop.grading.evidence.twins import twins

__all__ = ["Log", "Run", "ask_sacct", "examine", "logs_below", "peers", "rerun", "twins"]
