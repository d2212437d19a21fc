"""How far each run is from its roof, and what takes the time."""

from __future__ import annotations

from .formulas import Slips, near
from .logs import Log


def roof_slips(logs: dict[str, Log], stage: str) -> Slips:
    log = logs[stage]
    result, plain = log.result, log.reads / (log.result.model_bytes or 1)
    mb = (result.model_bytes or 0) / 1e6
    slips: list[tuple[float | None, str]] = [
        (log.speed, "that was measured; the roof is what the memory would allow"),
        (log.roof * (result.mbu or 0), "that is with the bandwidth ACHIEVED: take the device's"),
        (1e3 / log.roof, "that is milliseconds a token; tokens/s are asked for"),
        (1 / log.roof, "that is seconds a token; tokens/s are asked for"),
        (log.roof / 1e9, "GB/s are 1e9 bytes a second"),
        (log.roof * 1e3, "bytes of the model: MB are 1e6, GB 1e9"),
        (log.roof / 1e3, "bytes of the model: MB are 1e6, GB 1e9"),
        (log.roof / 8, "bytes, not bits"),
    ]
    if log.ranks > 1:
        slips += [
            (plain, f"{log.ranks} ranks read at the same time, each its own part"),
            (plain / log.ranks, "more ranks read more bytes in a second: times ranks"),
        ]
    if log.guesses:
        both = log.reads / log.bytes_a_pass
        slips += [
            (plain, "a pass gives 1 + accepted tokens, and reads the draft as well"),
            (both, "a pass gives more than one token: 1 + accepted"),
            ((log.tokens_a_pass - 1) * both, "a pass also gives a token of the model's own"),
            (log.tokens_a_pass * plain, "the draft is read too, once for each guess"),
            (log.guesses * both, "only guesses that are KEPT become tokens"),
        ]
    if result.model_parameters:
        counted = log.ranks * log.reads / result.model_parameters
        slips.append((counted, f"parameters are not bytes: this model has {mb:.3g} MB of them"))
    slips += [
        (other.roof, f"that is the roof of {name}: {stage} has {mb:.3g} MB of weights")
        for name, other in logs.items()
        if name != stage and not near(other.roof, log.roof, 0.05)
    ]
    return tuple(slips)


def furthest(logs: dict[str, Log]) -> str:
    return max(logs, key=lambda stage: logs[stage].roof / logs[stage].speed)


def shares(logs: dict[str, Log], stage: str) -> dict[str, float]:
    """Seconds of a pass that each cause takes, as the stages told apart show it."""
    log = logs[stage]
    lost = log.unexplained * log.tokens_a_pass
    if log.result.settings and not log.result.settings.compile:
        saved = 1 / log.speed - 1 / logs["compile"].speed if stage == "baseline" else lost
        return {"calls": max(saved, 0.0), "kernels": lost - max(saved, 0.0)}
    if stage not in ("speculative", "tp"):
        return {"kernels": lost}
    alone = max(logs["quantize"].unexplained, 0.0)
    more = "guessing" if stage == "speculative" else "all-reduces"
    return {more: lost - alone, "kernels": alone}
