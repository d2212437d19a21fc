"""Microseconds of small things: products, attention, exchanges between ranks."""

from __future__ import annotations

from typing import Any

from quoted.stored import Stored
from quoted.words import digits, spread, table


def products(stored: Stored) -> str:
    """A weight times one token, by a library and by the compiler's loops."""
    found = stored.part("products")
    kinds = list(dict.fromkeys(way.rpartition(", ")[0] for way in found["microseconds"][0]["ways"]))
    rows = [
        (f"{one['outputs']}, {one['inputs']}", *(pair(one["ways"], kind) for kind in kinds))
        for one in found["microseconds"]
    ]
    head = ("outputs, inputs", *(f"{kind}: library, loops" for kind in kinds))
    return (
        f"{table(head, rows)}\n\nMicroseconds per product, {found['threads']} threads, medians of "
        f"{found['rounds']} rounds.\n\n{stored.footer('products')}"
    )


def pair(ways: dict[str, Any], kind: str) -> str:
    return ", ".join(digits(ways[f"{kind}, {how}"]["median"]) for how in ("library", "loops"))


def attention(stored: Stored) -> str:
    """Attention of one token, by torch's kernel and by the formula."""
    found = stored.part("attention")
    ways = list(found["microseconds"][0]["ways"])
    rows = [
        (
            f"{one['heads']}, {one['kv_heads']}, {one['size']}, {one['slots']}",
            *(spread(one["ways"][way]) for way in ways),
        )
        for one in found["microseconds"]
    ]
    return (
        f"{table(('query heads, KV heads, head, slots', *ways), rows)}\n\n"
        f"Microseconds per layer, bf16, {found['threads']} threads, medians of {found['rounds']} "
        f"rounds, with minimum and maximum in brackets.\n\n{stored.footer('attention')}"
    )


def exchanges(stored: Stored) -> str:
    """What ranks of one host exchange, by gloo and through shared memory."""
    found = stored.part("exchanges")
    ways = list(dict.fromkeys(way for one in found["microseconds"].values() for way in one))
    rows = [
        (elements(name), *(spread(one[way]) if way in one else "" for way in ways))
        for name, one in found["microseconds"].items()
    ]
    return (
        f"{table(('', *ways), rows)}\n\n"
        f"Microseconds of one all-reduce (bf16) or of the broadcast of a token between "
        f"{found['ranks']} ranks of one thread each, medians of {found['rounds']} rounds, with "
        f"minimum and maximum in brackets.\n\n{stored.footer('exchanges')}"
    )


def elements(name: str) -> str:
    """'256 elements' for the benchmark's '256 numbers'."""
    return name.replace(" numbers", " elements")
