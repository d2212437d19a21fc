"""Logs of gpt-fast, of every age, and of its many relatives.

A run prints, for each sample, what the model said, and after it `Time for inference N: …` with
`Bandwidth achieved: …`; at the end a rule and the footer. What the model says may imitate any of
these lines (``gpt_fast_runs`` tells what counts), so an average that is not that of the samples is
not taken.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice, product

from workshop.record.readers import gpt_fast_blocks
from workshop.record.readers.gpt_fast_lines import CHAT, STARTS, said
from workshop.record.readers.gpt_fast_runs import Footer, Ranks, Run, Variant
from workshop.record.readers.gpt_fast_settings import SETTINGS, add_settings
from workshop.record.readers.units import deviation
from workshop.record.results import Definition, Result
from workshop.record.stage_evidence import stage_and_source, stage_of_name
from workshop.stages import STAGES, stage_of_words

NAME = "gpt-fast"
NEEDLES = tuple(start.encode() for start in STARTS)
ANCHORS = (b"Time for inference", b"| overall time ")  # without a sample there is no run

# Its tokens are those of one sequence, in a batch too, and its seconds those of the whole call.
WHOLE_CALL = Definition("new", "prefill and decode", "sequence")
DECODE_ONLY = Definition("new", "decode", "sequence")

_ROUNDING = 0.011  # of an average of numbers with two decimals, and of those themselves
_MOST_TRIED = 100_000  # samples of all the combinations of variants
# A frozen dataclass sets each of its fifty fields by a call, and a file can hold tens of thousands
# of runs: they start from these fields all at once.
_NOTHING = vars(Result(None, "ok", format=NAME))


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs of a log; of several ranks' lines, those of the first rank."""
    ranks = Ranks(partial(_result, stage_of_name(file_name)))
    for line in lines:
        for one in said(line):
            ranks.hear(one)
    return ranks.results()


def results_in_blocks(blocks: Iterable[bytes], file_name: str) -> list[Result]:
    """The same of the whole log, in blocks that end where a line does."""
    ranks = Ranks(partial(_result, stage_of_name(file_name)))
    gpt_fast_blocks.hear(ranks, blocks)
    return ranks.results()


def _result(named: str | None, run: Run) -> Result:
    """The record of a run: which of its lines count, and what they say.

    Args:
        named: the stage that the file's name says.
    """
    chosen, agrees = _counted(run.samples, run.footer.get("average"))
    # Without a rule or the right average, that was a model's footer in a run that was stopped;
    # but relatives that number no samples, or tell no bandwidth, draw no rule either.
    trusted = agrees or "rule" in run.footer or not (run.sure and run.numbered)
    return _record(run, run.footer if trusted else {}, chosen, agrees, named)


def _counted(samples: Sequence[list[Variant]], average: float | None) -> tuple[list[Variant], bool]:
    """Of each sample the line that counts, and whether they have the average that the log tells."""
    latest = [variants[-1] for variants in samples]
    if average is None:
        return latest, False
    return (latest, True) if _have(latest, average) else _others(samples, average)


def _record(
    run: Run, footer: Footer, chosen: Sequence[Variant], agrees: bool, named: str | None
) -> Result:
    """The record that these lines make; what none of them says is left out."""
    header = run.header
    speeds = [speed for speed, _, _ in chosen if speed is not None]
    bandwidths = [bandwidth for _, bandwidth, _ in chosen if bandwidth is not None]
    average = footer.get("average")
    example = header.get("example")
    fields = _NOTHING.copy()
    fields["conditions"] = {}  # what stays empty, such as the samples, is shared
    if isinstance(example, str):
        fields["stage"] = stage_of(example)
    fields["status"] = "ok" if _is_complete(run, footer) else "incomplete"
    fields["definition"] = DECODE_ONLY if agrees and run.decode_only else WHOLE_CALL
    told = average if agrees or not speeds else None
    fields["tokens_per_second"] = told or (_mean(speeds) if speeds else None)
    fields["tokens_per_second_std"] = deviation(speeds)
    fields["speeds"] = speeds
    fields["ttft_seconds"] = footer.get("ttft") or _first_token(chosen)
    fields["bandwidth_gb_per_second"] = _mean(bandwidths) if bandwidths else None
    fields["bandwidth_std"] = deviation(bandwidths)
    # On a CPU it prints what CUDA has reserved: 0.
    fields["memory_gb"] = footer.get("memory") or None
    fields["load_seconds"] = header.get("load")
    fields["compile_seconds"] = header.get("compile")
    fields["mean_accepted"] = footer.get("accepted")
    fields["batch_size"] = _whole(footer.get("batch"))
    fields["prompt_tokens"] = _whole(footer.get("prompt"))
    fields["new_tokens"] = _whole(footer.get("generated"))
    fields["device"] = header.get("device")
    fields["model"] = header.get("model")
    fields["dtype"] = header.get("precision")
    fields["warnings"] = _problems(average, speeds, agrees)
    if "probs" in footer or not SETTINGS.isdisjoint(header):
        add_settings(fields, header, footer, len(chosen))
    result = object.__new__(Result)
    object.__setattr__(result, "__dict__", fields)
    fields["stage"], fields["stage_source"], doubts = stage_and_source(result, named)
    fields["warnings"] += doubts
    return result


def _is_complete(run: Run, footer: Footer) -> bool:
    """Whether a run has ended: with a footer, or where its tool prints none on a CPU."""
    if "average" in footer or "memory" in footer:
        return True
    if run.header.get("no footer") == CHAT and run.sure:
        return False  # a chat's line in a model's text: a chat prints no bandwidths
    return "no footer" in run.header and not run.stopped


def _first_token(chosen: Sequence[Variant]) -> float | None:
    """The mean time to the first token, where each sample tells it."""
    if not chosen or chosen[0][2] is None:
        return None
    found = [first for _, _, first in chosen if first is not None]
    return _mean(found) if len(found) == len(chosen) else None


def _problems(told: float | None, speeds: Sequence[float], agrees: bool) -> list[str]:
    if told is None or agrees or not speeds:
        return []
    return [f"the log's average ({told:.2f} tokens/s) is not that of its samples: it is left out"]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _others(variants: Sequence[list[Variant]], average: float) -> tuple[list[Variant], bool]:
    """Of each sample the latest line, unless only others have the average; and whether any have.

    Some relatives leave the first sample, in which they compile, out of the average.
    """
    for counted in (variants, variants[1:]):
        newest_first = [lines[::-1] for lines in counted]
        for chosen in islice(product(*newest_first), _MOST_TRIED // len(variants) + 1):
            if _have(chosen, average):
                return list(chosen), True
    return [lines[-1] for lines in variants], False


def _have(chosen: Sequence[Variant], average: float) -> bool:
    speeds = [speed for speed, _, _ in chosen if speed is not None]
    return len(speeds) > 0 and abs(_mean(speeds) - average) <= _ROUNDING


def stage_of(example: str) -> str | None:
    """The stage that 'quantize + compile' is; None where a word is none of the stages' own."""
    words = set(re.findall(r"[a-z0-9]+", example.lower())) - {"and", "with"}
    known = frozenset[str]().union(*(stage.words for stage in STAGES.values()))
    return stage_of_words(words) if words <= known else None
