"""A run with a participant's functions, held against the engine's own: the same tokens, or not.

Rounding may choose another of two tokens that are about equally likely, and the text then goes its
own way. So the first difference comes with how much less likely its token is to the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workshop.llm.text.tokenizer import Tokenizer
from workshop.record.results import Result, TokenCheck
from workshop.runner import machine
from workshop.runner.assemble import Place, assemble
from workshop.runner.measure import take_sample
from workshop.runner.quality import log_probabilities
from workshop.stages.settings import Settings

CONTEXT = 4  # tokens of each text from the first difference on
# Nats by which rounding can turn two tokens round. Logits between 16 and 32 are multiples of 1/8 in
# bf16, of 1/64 in fp16.
ROUNDING = {"bfloat16": 0.3, "float16": 0.04, "float32": 1e-3}


@dataclass(frozen=True)
class OwnRun:
    """What the engine says with its own functions.

    Attributes:
        log_probabilities: of every token after each prefix: [tokens, vocab], fp32, on the CPU.
        rounding: nats by which rounding can turn two tokens round.
    """

    tokens: list[int]
    log_probabilities: Tensor
    tokenizer: Tokenizer
    rounding: float


def own_run(settings: Settings, place: Place) -> OwnRun:
    """Generate the first sample with the engine's own functions; all ranks call it.

    Raises:
        what assembling and running the stage raises.
    """
    name, bf16 = machine.device_name(place.device), machine.has_bfloat16(place.device)
    dtype, _ = machine.usable_dtype(settings.dtype, name, bf16)
    ours = replace(settings, exercise=None, dtype=dtype)
    with torch.inference_mode():
        engine = assemble(ours, place)
        tokens = take_sample(ours, place, engine, engine.prompts, ours.seed).tokens
        row = torch.tensor([*engine.prompts[0], *tokens], device=place.device)
        likely = log_probabilities(engine.model, row)[-len(tokens) :].cpu()
    if settings.compile:
        torch.compiler.reset()  # what is compiled with the participant's functions starts anew
    return OwnRun(tokens, likely, engine.tokenizer, ROUNDING[dtype])


def with_check(result: Result, own: OwnRun) -> Result:
    """The record with what the comparison of its first sample shows; without samples, as it is.

    Wrong tokens are a warning as well, which tables, figures and reports repeat.
    """
    if not result.samples:
        return result
    check = compared(result.samples[0].tokens, own)
    wrong = check.first_difference is not None and not check.rounding
    warnings = [f"the functions of the exercise are {check.sentence}"] if wrong else []
    return replace(result, token_check=check, warnings=[*result.warnings, *warnings])


def compared(yours: list[int], own: OwnRun) -> TokenCheck:
    """Where the tokens first differ from the engine's, also if one text ends before the other."""
    pairs = zip(yours, own.tokens, strict=False)
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
    if first is None:
        if len(yours) == len(own.tokens):
            return TokenCheck(tokens=len(own.tokens))
        return difference(yours, own, min(len(yours), len(own.tokens)), None)
    likely = own.log_probabilities[first]
    return difference(yours, own, first, (likely[own.tokens[first]] - likely[yours[first]]).item())


def difference(yours: list[int], own: OwnRun, first: int, gap: float | None) -> TokenCheck:
    """The check of texts that differ from token ``first`` on."""
    texts = [own.tokenizer.decode(t[first : first + CONTEXT]) for t in (yours, own.tokens)]
    rounding = gap is not None and gap < own.rounding
    return TokenCheck(len(own.tokens), first, texts[0], texts[1], gap, rounding)
