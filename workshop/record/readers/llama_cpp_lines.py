"""The lines that llama.cpp's programs and its server print of their speed, as patterns.

The examples that decode several tokens a pass are ``speculative``, ``speculative-simple``,
``lookup``, ``lookahead``, ``batched`` and ``parallel``.
"""

from __future__ import annotations

import re

ANCHORS = (
    b"eval time ",
    b"print_timing: ",
    b"general.name ",
    b" t/s | Generation: ",
    b", speed: ",
)
NEEDLES = (
    b"eval time ",
    b"total time ",  # tells decimal commas only
    b"load time =",
    b"sample time =",
    b"print_timing: ",
    b"general.name ",
    b"draft acceptance",
    b"new prompt, n_ctx_slot",
    # llama-cli
    b" t/s | Generation: ",
    b"model ",
    b"ftype ",
    # The examples
    b", speed: ",
    b"n_parallel = ",
    b"n_draft",
    b"n_accept",
    b"n_predict ",
    b"draft:",
    b"target:",
    b"W = ",
    b"N = ",
    b"G = ",
)

_LOGGER = r"(?:\[\d+\] )?(?:[\d.]+ [A-Z] )?"
_SLOT = r"slot +print_timing: id +(?P<slot>\d+) \| task (?P<task>-?\d+) \| *"
_PRINTER = (
    r"(?P<printer>\w*print_timings: +|\w*perf_context_print: +|\w*perf_print: +"
    rf"|(?:INFO )?\[ *print_timings\] +|{_SLOT}|\s*)"
)
# Timings of a context, or of a server's task
TIME = re.compile(
    _LOGGER + _PRINTER + r"(?P<what>load|sample|prompt eval|eval|generation eval) time +="
    r" +(?P<ms>[\d.]+) ms"
    r"(?: +/ +(?P<tokens>\d+) (?:runs|tokens) *"
    r"\( *(?P<each>\S+) ms per (?:token|run)(?:, +(?P<speed>\S+) tokens per second)?\))?"
    r"(?: \| .*|\s*)",
    re.ASCII,
)
SLOT = re.compile(_LOGGER + _SLOT, re.ASCII)
MODEL = re.compile(
    _LOGGER + r"(?:print_info|llm_load_print_meta): general\.name +(?:= +)?(\S.*)", re.ASCII
)
# A server's task, with the whole prompt: what its timings count is what was not cached.
WHOLE_PROMPT = re.compile(
    _LOGGER + r"slot +\w+: id +(?P<slot>\d+) \| task (?P<task>-?\d+) \| +new prompt, n_ctx_slot = "
    r"\d+, n_keep = -?\d+, (?:task\.n_tokens|n_prompt_tokens) = (?P<tokens>\d{1,9})\s*",
    re.ASCII,
)
# After a server's timings. The mean length counts the token that each pass gives in any case.
ACCEPTANCE = re.compile(
    _LOGGER + rf"(?:{_SLOT})?\s*draft acceptance(?: rate)? = +(?P<rate>[\d.]+) "
    r"\( *(?P<accepted>\d{1,9}) accepted / +\d{1,9} generated\)"
    r"(?:, mean (?:acceptance length|len) = +(?P<length>\d+\.\d+))?(?:,.*)?\s*",
    re.ASCII,
)
# llama-cli, on top of a server's task
CLI = re.compile(r"\s*\[ Prompt: +(\S+) t/s \| Generation: +(\S+) t/s \]\s*", re.ASCII)
CLI_SETTING = re.compile(r"(model|ftype) +: +(\S.*)", re.ASCII)

# The examples
DECODED = re.compile(
    _LOGGER + r"(?P<function>\w+: )?(?:decoded|generated) +(?P<tokens>\d+) tokens in +[\d.]+ "
    r"(?:s|seconds), speed: +(?P<speed>\S+) t/s\s*",
    re.ASCII,
)
ENCODED = re.compile(
    _LOGGER + r"encoded +(\d+) tokens in +[\d.]+ seconds, speed: +\S+ t/s\s*", re.ASCII
)
SERVED = re.compile(_LOGGER + r"Total gen tokens: +\d+, speed: +(\S+) t/s\s*", re.ASCII)
COUNTED = re.compile(
    _LOGGER + r"(n_draft|n_predict|n_drafted|n_accept|W|N|G) += +(\d{1,9})\s*", re.ASCII
)
PART = re.compile(_LOGGER + r"(draft|target):\s*", re.ASCII)
SETTINGS = re.compile(_LOGGER + r"\w+: ((?:[\w ]{1,30} = -?\d+(?:, |\s*$))+)", re.ASCII)
SETTING = re.compile(r"([\w ]{1,30}) = (-?\d{1,9})(?:, |\s*$)", re.ASCII)
