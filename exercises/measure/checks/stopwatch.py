"""What is wrong with a stopwatch: seen from the readings of the clock behind its times."""

from __future__ import annotations

from itertools import combinations

from .device import Device, Reading

SAME = 1e-10  # seconds: a difference of two readings, worked out there and here
BUSY = "the device was still busy: synchronize before the start as well"
TWICE = "decode begins where the first token is there: TTFT is counted twice"


def cause_of_times(device: Device, new_tokens: int, ttft: float, decode: float) -> str | None:
    """The first thing that is wrong with how two times were taken; None where it is not seen."""
    if not device.readings:
        return "the device's clock is never read: device.now() is the time here"
    if not device.waits:
        return "nobody waits for the device: synchronize before reading the clock"
    first, last = between(device, ttft), between(device, decode)
    found = cause_of_ttft(first, new_tokens) or cause_of_decode(first, last, new_tokens)
    return found or cause_of_unit(device, new_tokens, ttft, decode)


def cause_of_unit(device: Device, new_tokens: int, ttft: float, decode: float) -> str | None:
    """Where a time is no difference of two readings, but something else made of them."""
    if between(device, ttft / 1e3) and between(device, decode / 1e3):
        return "that is in milliseconds; seconds are asked for"
    if any(abs(one.seconds - time) <= SAME for one in device.readings for time in (ttft, decode)):
        return "that is what the clock shows: a time is the difference of two readings"
    whole = [between(device, decode * count) for count in (new_tokens - 1, new_tokens)]
    if new_tokens > 2 and any(whole) and not between(device, decode):
        return "that is the time of one token; the seconds of all of decode are asked for"
    return None


def between(device: Device, seconds: float) -> tuple[Reading, Reading] | None:
    """The readings that are so far apart."""
    pairs = combinations(device.readings[:50], 2)
    return next((p for p in pairs if abs(p[1].seconds - p[0].seconds - seconds) <= SAME), None)


def cause_of_ttft(pair: tuple[Reading, Reading] | None, new_tokens: int) -> str | None:
    if pair is None:
        return None
    start, end = pair
    if start.tokens == 1 and end.tokens == new_tokens:
        return "that is decode: TTFT comes first, then decode"
    if start.tokens:
        return "the stopwatch starts after the first token is launched: start it before generate"
    if not start.idle:
        return BUSY
    if end.tokens == 0:
        return "the clock is read before the first token: next(tokens) gives the device its work"
    if end.tokens > 1 and end.tokens == new_tokens:
        return "all tokens are there before the clock is read: take ONE with next(tokens) first"
    if end.tokens > 1:
        return f"the clock is read after {end.tokens} tokens: TTFT ends with the first"
    if not end.idle:
        return "wait for the device when the first token comes, too: synchronize, then read"
    return None


def cause_of_decode(
    first: tuple[Reading, Reading] | None, pair: tuple[Reading, Reading] | None, new_tokens: int
) -> str | None:
    if pair is None:
        return None
    start, end = pair
    if start.tokens == 0 and end.tokens == new_tokens:
        return TWICE
    if end.tokens < new_tokens:
        return f"decode ends after {end.tokens} of {new_tokens} tokens: go through all of them"
    if not end.idle:
        return "wait for the device at the end: synchronize, then read the clock"
    if end.waits - start.waits > 1:
        return "wait once, at the end: a wait after each token keeps the device from working ahead"
    if first is not None and start.seconds > first[1].seconds and not start.idle:
        return "decode begins where TTFT ends: read the clock once for both"
    return None
