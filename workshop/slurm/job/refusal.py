"""What sbatch says when it refuses a job, in a participant's words.

The last line of sbatch is its error code in words. Lines before it are more specific, and those of
a site's own plugins (cli_filter, job_submit) more specific than anything that is known here: the
first specific line is the answer. A guess of ours never replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workshop.slurm.job.limits import refused_by_limit
from workshop.slurm.job.request import Request

if TYPE_CHECKING:
    from workshop.slurm.doctor.finding import Finding

LONGEST_WORDS = 400  # characters of a site's own message
NOT_TAKEN = "Slurm did not take the job"


class SubmitError(RuntimeError):
    """A job that Slurm did not take: one sentence, with what to do next.

    Attributes:
        about: partition, reservation, account or QOS, where one of them was refused.
    """

    def __init__(self, sentence: str, about: str | None = None) -> None:
        super().__init__(sentence)
        self.about = about


@dataclass(frozen=True)
class Refusal:
    """What sbatch refused: a sentence for the user, and ``about`` as in ``SubmitError``."""

    sentence: str
    about: str | None = None


@dataclass(frozen=True)
class Rule:
    """A refusal: how sbatch spells it, what to tell, and what it is about."""

    pattern: str
    sentence: Callable[[Request], str]
    about: str | None = None


RULES = (
    Rule(
        r"Invalid partition|invalid partition",
        lambda r: (
            (
                f"there is no partition {r.partition!r} here"
                if r.partition
                else "this Slurm has no default partition"
            )
            + ": 'sinfo -s' lists them; name one with --partition"
        ),
        "partition",
    ),
    Rule(
        r"Requested reservation is invalid",
        lambda r: (
            f"{named('the reservation', r.reservation)} is not there, or has expired: "
            "'scontrol show reservation' lists the existing ones; "
            "leave --reservation out to wait in the ordinary queue"
        ),
        "reservation",
    ),
    Rule(
        r"Access denied to requested reservation|Access/permission denied to reservation",
        lambda r: (
            f"{named('the reservation', r.reservation)} is not for you, or not for this account or "
            "partition: ask your instructor to add you, or try another --account"
        ),
        "reservation",
    ),
    Rule(
        r"Invalid account or account/partition combination",
        lambda r: (
            (f"the account {r.account!r} is not yours" if r.account else "no account was given")
            + ", or may not use this partition: 'sacctmgr show associations user=$USER "
            "format=account,partition,qos' lists yours; name one with --account"
        ),
        "account",
    ),
    Rule(
        r"Invalid qos",
        lambda r: (
            f"{named('the QOS', r.qos)} is not there, or not for this account: 'sacctmgr show "
            "associations user=$USER format=account,qos' lists yours; name one with --qos"
        ),
        "QOS",
    ),
    Rule(
        r"Invalid feature specification",
        lambda r: (
            f"no node has {named('the feature', r.constraint)}: 'sinfo -o \"%n %f\"' lists them; "
            "change --constraint"
        ),
    ),
    Rule(
        r"Invalid node name",
        lambda r: (
            (f"--exclude {r.exclude} names" if r.exclude else "the job names")
            + " a node that is not there: 'sinfo -N' lists the nodes"
        ),
    ),
    Rule(
        r"--gpus < -N|Failed to validate job spec",
        lambda r: (
            f"{r.nodes} nodes were asked for and fewer GPUs: "
            "a job needs one for each node at least; use --gpus-per-node"
        ),
    ),
    Rule(
        r"Requested time limit is invalid",
        lambda r: (
            f"{r.time_limit} is more time than this partition gives: "
            "'sinfo -o \"%R %l\"' tells its limit; use a shorter --time"
        ),
    ),
    Rule(
        r"Node count specification invalid|More processors requested than permitted"
        r"|(?:CPU|Task) count per node can not be satisfied"
        r"|Requested node configuration is not available|Invalid generic resource",
        lambda r: (
            f"no node has what was asked for: {needs(r)}. 'sinfo -N -o \"%N %c %m %G %T\"' tells "
            "what they have; ask for less, or for another --partition"
            + ("; and see that --exclude leaves a node over" if r.exclude else "")
        ),
    ),
    Rule(
        r"Job violates accounting/QOS policy",
        lambda r: (
            "your account's limits do not allow it (jobs at a time, time, or GPUs): "
            "wait for a job of yours to end, or ask for less"
        ),
        "account",
    ),
    Rule(
        r"Job dependency problem",
        lambda r: (
            (
                f"it cannot wait for {r.dependency!r}: there is no such job any more"
                if r.dependency
                else "the job that it depends on is not there any more"
            )
            + "; 'workshop status' lists yours"
        ),
    ),
    Rule(
        r"Unable to contact slurm controller|Connection refused|Socket timed out"
        r"|Zero Bytes were transmitted",
        lambda r: (
            "Slurm's controller does not answer: wait a minute and try again, then ask the "
            "cluster's support ('scontrol ping' shows it)"
        ),
    ),
    Rule(
        r"Unable to process configuration file|Could not establish a configuration source",
        lambda r: (
            "Slurm's configuration is not found here: log in to the cluster's login node, or set "
            "SLURM_CONF"
        ),
    ),
    Rule(
        r"Memory specification can not be satisfied",
        lambda r: f"no node has {memory(r) or 'that much memory'}: ask for less with --set mem=...",
    ),
    Rule(
        r"No space left on device|Disk quota exceeded",
        lambda r: "the disk is full: free some space, then submit again",
    ),
)


# Who prints a line of sbatch's; the rest of it may be a site's.
_PREFIX = re.compile(r"(?:sbatch|srun): (?:(?P<level>error|fatal|warning|info): )?", re.IGNORECASE)
_CODE = re.compile(r"Batch job submission failed: *(?P<words>.*)")
# Lines that have no reason in them: frames of a banner, "OK" of a check that was passed, and what
# only says that a plugin has said why.
_EMPTY = re.compile(
    r"[\W_]*|.*\bOK\W*|Unspecified error|(?:cli_filter|job_submit) plugin terminated with error"
)


@dataclass(frozen=True)
class Line:
    """A line that sbatch printed, without its prefix; an error by its prefix, or not."""

    words: str
    is_error: bool


def explain(text: str, request: Request) -> str:
    """One sentence for what sbatch wrote; its own words where they are not known."""
    return understood(text, "", request).sentence


def understood(errors: str, output: str, request: Request) -> Refusal:
    """What was refused, from all that sbatch and a site's plugins printed.

    Args:
        errors, output: sbatch's two streams. What is not marked as an error in them may be a
            banner: it counts where nothing else gives a reason.
    """
    lines = lines_of(errors)
    codes = [match["words"] for line in lines if (match := _CODE.search(line.words))]
    code = next((words for words in codes if not _EMPTY.fullmatch(words)), None)
    specific = with_a_reason(lines)
    marked = [line for line in specific if line.is_error]
    for words in [*(line.words for line in marked), *([code] if code else [])]:
        if limit := refused_by_limit(words, request):
            return Refusal(f"{NOT_TAKEN} ({limit.word}): {limit.sentence}", "account")
    for line in marked:
        if found := known(line.words, request):
            return found
    if marked:
        return Refusal(f"{NOT_TAKEN}: {own_words(marked)}" + (f" ({code})" if code else ""))
    if code:
        return known(code, request) or Refusal(f"{NOT_TAKEN}: {code}")
    if unmarked := specific or with_a_reason(lines_of(output)):
        return known(unmarked[0].words, request) or Refusal(f"{NOT_TAKEN}: {own_words(unmarked)}")
    last = codes[-1] if codes else lines[-1].words if lines else "it gave no reason"
    return Refusal(f"{NOT_TAKEN}: {last}")


def with_a_reason(lines: Sequence[Line]) -> list[Line]:
    """Lines that are more specific than sbatch's error code."""
    return [
        line for line in lines if not _CODE.search(line.words) and not _EMPTY.fullmatch(line.words)
    ]


def lines_of(text: str) -> list[Line]:
    """What sbatch printed; warnings and notes only where there is nothing else."""
    lines: list[Line] = []
    notes: list[Line] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        prefix = _PREFIX.match(line)
        level = ((prefix["level"] if prefix else None) or "").lower()
        words = line[prefix.end() :].strip() if prefix else line
        into = notes if level in ("warning", "info") else lines
        into.append(Line("".join(filter(str.isprintable, words)), level in ("error", "fatal")))
    return lines or notes


def known(words: str, request: Request) -> Refusal | None:
    """Our sentence for Slurm's words, which stand before it; None where they are not known."""
    for rule in RULES:
        if re.search(rule.pattern, words):
            brief = words if len(words) <= LONGEST_WORDS else words[: LONGEST_WORDS - 1] + "…"
            return Refusal(f"{NOT_TAKEN} ({brief}): {rule.sentence(request)}", rule.about)
    return None


def own_words(lines: Sequence[Line]) -> str:
    """A message that is not known, as it was written, on one line."""
    text = "; ".join(dict.fromkeys(line.words.rstrip(".;") for line in lines))
    return text if len(text) <= LONGEST_WORDS else text[: LONGEST_WORDS - 1] + "…"


_SUBJECT = re.compile(r"\b(partition|reservation|account|QOS)\b")


def with_doubts(refused: SubmitError, doubts: Sequence[Finding]) -> str:
    """The refusal, then what a look at the cluster had found doubtful about the same thing."""
    for doubt in doubts:
        subject = _SUBJECT.search(doubt.what)
        if subject and subject[1] == refused.about:
            return f"{refused}. Also: {doubt.sentence}"
    return str(refused)


def named(what: str, name: str | None) -> str:
    """ "the QOS 'fast'", or 'that QOS' where the job names none."""
    return f"{what} {name!r}" if name else what.replace("the ", "that ", 1)


def memory(request: Request) -> str | None:
    """The memory that a job asks for, for a sentence."""
    if request.mem:
        return f"{request.mem} of memory"
    return f"{request.mem_per_cpu} of memory for each CPU" if request.mem_per_cpu else None


def needs(request: Request) -> str:
    """What a job asks of its nodes, for a sentence."""
    parts = [f"{request.nodes} node{'s' if request.nodes > 1 else ''}"]
    if request.gpu_option:
        parts.append(f"with --{request.gpu_option}={request.gpu_value}")
    if request.cpus_per_task:
        parts.append(f"{request.tasks_per_node} x {request.cpus_per_task} processors on each")
    parts += filter(None, [memory(request)])
    if request.exclude:
        parts.append(f"without {request.exclude}")
    return ", ".join(parts)
