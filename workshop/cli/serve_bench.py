"""``workshop serve-bench``: measures a server of the OpenAI API."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.seed import Seed

if TYPE_CHECKING:
    from workshop.record.results import Condition
    from workshop.serving.bench import Asked
    from workshop.serving.load import Level

_MOST = 4096  # requests side by side, or a second
_LEAST_REQUESTS = 16  # of a level
_SECONDS_OF_ARRIVALS = 30  # of a level at a rate, unless --requests says otherwise
_NOTE = re.compile(r"[A-Za-z][\w ,./-]{0,39}")


class Numbers(click.ParamType):
    """Numbers with commas between them: ``1,4,16``."""

    def __init__(self, whole: bool) -> None:
        self.whole = whole
        self.name = "N,..." if whole else "X,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[float]:
        if isinstance(value, list):
            return value
        found = [self._number(word.strip(), param, ctx) for word in str(value).split(",")]
        return list(dict.fromkeys(found))

    def _number(self, word: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = int(word) if self.whole else float(word)
        except ValueError:
            number = math.nan
        if not 0 < number <= _MOST:
            kind = "whole number" if self.whole else "number"
            self.fail(f"{word!r} is not a {kind} over 0 and up to {_MOST}", param, ctx)
        return number


_SECONDS = click.FloatRange(0, 1e6, min_open=True)
_MILLISECONDS = click.FloatRange(0, 1e9, min_open=True)
_TOKENS = click.IntRange(1, 1_000_000)


@click.command("serve-bench")
@click.argument("url")
@click.option("--model", help="Model to ask for.  [the only one that the server has]")
@click.option(
    "--endpoint",
    type=click.Choice(["chat", "completions"]),
    help="Which of the server's endpoints to use.  [chat]",
)
@click.option(
    "--concurrency",
    type=Numbers(whole=True),
    help="Requests in flight at a time; several levels, as 1,4,16, are measured in turn.  [1]",
)
@click.option(
    "--rate",
    type=Numbers(whole=False),
    help="Requests per second, arriving as a Poisson process; several, as 0.5,2, in turn.",
)
@click.option(
    "--requests",
    type=click.IntRange(1, 100_000),
    help="Requests of each level.  [4 times the concurrency or 30 s of the rate; 16 or more]",
)
@click.option(
    "--warmup",
    type=click.IntRange(0, 10_000),
    help="Requests before each level that are not counted.  [the concurrency; 2 at a rate]",
)
@click.option(
    "--prompt-tokens", type=_TOKENS, help="Length of the prompts, by the server's count.  [128]"
)
@click.option(
    "--prompts",
    "prompts_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help='File of prompts, one on each line; .jsonl: objects with "prompt".',
)
@click.option("--new-tokens", type=_TOKENS, default=64, help="Length of the answers.  [64]")
@click.option(
    "--ignore-eos/--no-ignore-eos",
    default=True,
    help="Ask for answers of just that length, or let them end earlier.  [ignore-eos]",
)
@click.option(
    "--temperature", type=click.FloatRange(0, 10), default=0.0, help="Sampling temperature.  [0]"
)
@click.option("--ttft-target", type=_MILLISECONDS, help="Longest TTFT that counts as goodput, ms.")
@click.option("--tpot-target", type=_MILLISECONDS, help="Longest TPOT that counts as goodput, ms.")
@click.option(
    "--connect-timeout", type=_SECONDS, default=10.0, help="Seconds to wait to connect.  [10]"
)
@click.option(
    "--first-token-timeout",
    type=_SECONDS,
    default=300.0,
    help="Seconds to wait for the first token of an answer.  [300]",
)
@click.option(
    "--token-timeout", type=_SECONDS, default=60.0, help="Seconds to wait for the next one.  [60]"
)
@click.option(
    "--api-key-env",
    metavar="NAME",
    default="OPENAI_API_KEY",
    help="Environment variable with the API key.  [OPENAI_API_KEY]",
)
@click.option(
    "--ca",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the CA certificate of an https server.  [the system's CAs]",
)
@click.option("--seed", type=Seed(), default=0, help="Seed of prompts and arrivals.  [0]")
@click.option(
    "--note",
    "notes",
    metavar="NAME=VALUE",
    multiple=True,
    help="Record a setting of the server, such as engine=vLLM; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print only the records, as JSON.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the log into a new file."
)
def serve_bench(url: str, as_json: bool, output: Path | None, **options: Any) -> None:
    """Measure the server at URL: TTFT, TPOT, inter-token latency, tokens/s and goodput.

    Any server of the OpenAI API: vLLM, SGLang, TGI, TensorRT-LLM, llama-server, Ollama. Requests
    are streamed, and tokens are counted by the server (docs/serving.md). Each level of the load
    gives a record: workshop results, plot --kind sweep, report and compare read the output.
    """
    from workshop.util.errors import ExpectedError, UsageError

    if importlib.util.find_spec("httpx2") is None:
        raise UsageError(
            "serve-bench needs the HTTP client httpx2, which is not installed: "
            "pip install 'workshop[serve]'"
        )
    from workshop.serving import bench
    from workshop.serving.log import Log

    asked = _asked(url, **options)
    log = Log(None if as_json else click.echo, output)
    halted = None
    try:
        halted = bench.run(asked, log)
    except UsageError:
        raise
    except ExpectedError as error:
        raise click.ClickException(str(error)) from None
    finally:
        log.close()
    if as_json:
        click.echo(_json(log))
        for record in log.records:
            if record.result.reason:
                click.echo(f"Error: {record.level}: {record.result.reason}", err=True)
    whole = all(record.result.status == "ok" for record in log.records)
    sys.exit(0 if whole and halted is None else 1)


def _json(log: Any) -> str:
    import msgspec

    text: str = msgspec.json.encode([record.values for record in log.records]).decode()
    return text


def _asked(
    url: str,
    *,
    model: str | None,
    endpoint: Any,
    concurrency: list[int] | None,
    rate: list[float] | None,
    requests: int | None,
    warmup: int | None,
    prompt_tokens: int | None,
    prompts_file: Path | None,
    new_tokens: int,
    ignore_eos: bool,
    temperature: float,
    ttft_target: float | None,
    tpot_target: float | None,
    connect_timeout: float,
    first_token_timeout: float,
    token_timeout: float,
    api_key_env: str,
    ca: Path | None,
    seed: int,
    notes: Sequence[str],
) -> Asked:
    """What the options ask for; raises UsageError."""
    from workshop.serving.bench import Asked
    from workshop.serving.client import Timeouts
    from workshop.serving.prompts import read_prompts
    from workshop.serving.stream import Wanted
    from workshop.serving.summary import Targets
    from workshop.serving.target import key_in, target_of
    from workshop.util.errors import UsageError

    if prompts_file is not None and prompt_tokens is not None:
        raise UsageError("--prompts takes the prompts of a file: leave out --prompt-tokens")
    return Asked(
        target=target_of(url, endpoint, key_in(os.environ, api_key_env)),
        levels=_levels(concurrency, rate, requests, warmup),
        wanted=Wanted(new_tokens, ignore_eos),
        prompt_tokens=prompt_tokens or 128,
        listed=read_prompts(prompts_file) if prompts_file else None,
        model=model or "",
        temperature=temperature,
        targets=Targets(
            None if ttft_target is None else ttft_target / 1e3,
            None if tpot_target is None else tpot_target / 1e3,
        ),
        timeouts=Timeouts(connect_timeout, first_token_timeout, token_timeout),
        ca=ca,
        seed=seed,
        conditions=dict(map(_note, notes)),
    )


def _levels(
    concurrency: list[int] | None,
    rate: list[float] | None,
    requests: int | None,
    warmup: int | None,
) -> list[Level]:
    """The levels in the order in which they are measured: numbers side by side, then rates."""
    from workshop.serving.load import Level

    side_by_side = concurrency or ([] if rate else [1])
    levels = [
        Level(
            requests or max(_LEAST_REQUESTS, 4 * streams),
            streams if warmup is None else warmup,
            concurrency=streams,
        )
        for streams in side_by_side
    ]
    levels += [
        Level(
            requests or max(_LEAST_REQUESTS, math.ceil(_SECONDS_OF_ARRIVALS * one)),
            2 if warmup is None else warmup,
            rate=one,
        )
        for one in rate or []
    ]
    return levels


def _note(text: str) -> tuple[str, Condition]:
    """A setting that the user notes, as a condition; raises UsageError."""
    from workshop.record.readers.settings_values import as_stated
    from workshop.util.errors import UsageError

    name, equals, value = text.partition("=")
    found = as_stated(value.strip())
    if not equals or not _NOTE.fullmatch(name.strip()) or found is None:
        raise UsageError(f"--note {text!r} is not NAME=VALUE, such as engine=vLLM")
    return name.strip(), found
