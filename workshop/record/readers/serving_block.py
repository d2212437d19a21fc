"""The block of results that the serving benchmarks of vLLM and SGLang print, field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace

from workshop.record.readers.acceptance import Acceptance, acceptance
from workshop.record.readers.source_settings import conditions, request_rate
from workshop.record.readers.units import count, number, positive, seconds
from workshop.record.results import Condition, Definition, Result

SERVED = Definition("new", "wall clock", "server")
SERVED_WITH_PROMPTS = Definition("prompt and new", "wall clock", "server")
NO_REQUEST = "no request succeeded"
NEEDLES = (
    b"Backend: ",
    b"Successful requests: ",
    b"Failed requests: ",
    b"Total input tokens: ",
    b"request concurrency: ",
    b"equest rate",
    b"Output token throughput (tok/s)",
    b"Mean TTFT (ms)",
    b"Mean TPOT (ms)",
    b"Mean E2E",
    b"Accept",
    b"Draft",
    b"Position ",
)

_FIELD = re.compile(
    r"(Backend|Successful requests|Failed requests|Total input tokens"
    r"|Output token throughput \(tok/s\)|Mean TTFT \(ms\)|Mean TPOT \(ms\)|Mean E2EL \(ms\)"
    r"|Mean E2E Latency \(ms\)"
    r"|Max(?:imum)? request concurrency"
    r"|Request rate configured \(RPS\)|Traffic request rate|Acceptance rate \(%\)"
    r"|Acceptance length|Accept length|Drafts|Draft tokens|Accepted tokens"
    r"|\s*Position \d{1,3}):\s+(\S+(?: set)?)\s*"
)
_MOST_POSITIONS = 100


def field(line: str) -> tuple[str, str] | None:
    """The name and the value of a line of the block; None for another line."""
    match = _FIELD.fullmatch(line)
    return (match[1].strip(), match[2]) if match else None


def served(fields: Mapping[str, str], model: str | None, requested: str | None = None) -> Result:
    """The run of a block, from its fields as they are printed.

    ``requested`` is the number of requests by the client's arguments.
    """
    run = server_run(
        model=model,
        completed=count(fields.get("Successful requests")),
        failed=count(fields.get("Failed requests")),
        speed=positive(fields.get("Output token throughput (tok/s)")),
        ttft=seconds(fields.get("Mean TTFT (ms)"), "ms"),
        tpot=seconds(fields.get("Mean TPOT (ms)"), "ms"),
        latency=seconds(fields.get("Mean E2EL (ms)", fields.get("Mean E2E Latency (ms)")), "ms"),
    )
    run = replace(run, concurrency=_concurrency(fields), conditions=_conditions(fields, requested))
    if run.status != "failed":
        run = replace(run, **asdict(_acceptance(fields)))
    # SGLang's benchmark began as a copy of vLLM's; its block names what it was run against.
    return replace(run, format="sglang-serve") if "Backend" in fields else run


def server_run(
    model: str | None,
    completed: int | None,
    failed: int | None,
    speed: float | None,
    ttft: float | None,
    tpot: float | None,
    latency: float | None = None,
) -> Result:
    """A run of requests against a server. Where none succeeded, its numbers mean nothing."""
    plain = Result(None, "ok", format="vllm-serve", definition=SERVED, model=model)
    if completed == 0:
        return replace(plain, status="failed", reason=NO_REQUEST)
    run = replace(
        plain,
        tokens_per_second=speed,
        ttft_seconds=ttft,
        tpot_seconds=tpot,
        latency_seconds=latency,
        warnings=[f"{failed} of its requests failed"] if failed else [],
    )
    if speed is None:
        return replace(run, status="incomplete", reason="there is no output token throughput")
    return run


def asked(
    completed: object, failed: object, requested: object, input_tokens: object
) -> dict[str, Condition]:
    """What was asked of a server, as conditions.

    Args:
        completed: requests that succeeded.
        failed: requests that did not; None where the source does not print them.
        requested: requests by the client's arguments, which count if they are known.
        input_tokens: of all prompts together. The total of the output differs between repeats.
    """
    succeeded, lost, wanted = count(completed), count(failed), count(requested)
    requests = wanted or (succeeded or 0) + (lost or 0)
    found = {"requests": requests, "input tokens": count(input_tokens)}
    return {name: number for name, number in found.items() if number}


def _concurrency(fields: Mapping[str, str]) -> int | None:
    values = (fields.get(f"{word} request concurrency") for word in ("Maximum", "Max"))
    return next((found for value in values if (found := count(value))), None)


def _conditions(fields: Mapping[str, str], requested: str | None) -> dict[str, Condition]:
    rate = fields.get("Request rate configured (RPS)") or fields.get("Traffic request rate")
    return {
        **conditions(fields, {"Backend": "backend"}),
        **request_rate(rate),
        **asked(
            fields.get("Successful requests"),
            fields.get("Failed requests"),
            requested,
            fields.get("Total input tokens"),
        ),
    }


def _acceptance(fields: Mapping[str, str]) -> Acceptance:
    shares: list[float | None] = []
    while len(shares) < _MOST_POSITIONS and (value := fields.get(f"Position {len(shares)}")):
        percent = number(value)
        shares.append(None if percent is None else percent / 100)
    return acceptance(
        length=fields.get("Acceptance length") or fields.get("Accept length"),
        percent=fields.get("Acceptance rate (%)"),
        drafts=fields.get("Drafts"),
        drafted=fields.get("Draft tokens"),
        accepted=fields.get("Accepted tokens"),
        shares=shares,
    )
