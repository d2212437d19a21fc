"""``workshop serve-bench`` against a server that behaves: its numbers, records and requests."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from workshop.cli import cli
from workshop.record.readers import read_logs
from workshop.record.results import from_json
from workshop.util.errors import UsageError

pytest.importorskip("httpx2", reason="httpx2 is not installed: pip install -e '.[serve]'")

from serving_stub import (
    Request,
    begin_stream,
    end_stream,
    send,
    streaming,
    stub,
    text_event,
    usage_event,
)

FEW = ("--requests", "5", "--warmup", "0", "--new-tokens", "4", "--prompt-tokens", "20")


def bench(url: str, *words: str, **environment: str) -> Result:
    done = CliRunner().invoke(cli, ["serve-bench", url, *FEW, *words], env=environment)
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


def records(url: str, *words: str, **environment: str) -> list[dict[str, Any]]:
    done = bench(url, "--json", *words, **environment)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_level_gives_a_record_with_its_numbers() -> None:
    with stub(streaming(seconds=0.01)) as server:
        (record,) = records(server.url, "--concurrency", "2", "--note", "engine=stub")
    assert (record["status"], record["format"], record["stage"]) == ("ok", "serve-bench", None)
    assert (record["concurrency"], record["prompt_tokens"], record["new_tokens"]) == (2, 20, 4)
    assert record["model"] == "stub"
    assert record["conditions"] == {
        "engine": "stub",
        "endpoint": "chat",
        "temperature": 0.0,
        "requests": 5,
    }
    assert record["definition"] == {"tokens": "new", "seconds": "wall clock", "per": "server"}
    # Nothing can come before the server's own delays; how much later it does is not judged here.
    assert record["ttft_seconds"] >= 0.009
    assert record["tpot_seconds"] >= 0.009
    assert record["latency_seconds"] >= 0.038
    serving = record["serving"]
    assert serving["new_tokens"] == 20
    assert record["tokens_per_second"] == pytest.approx(20 / serving["wall_seconds"])
    assert serving["itl"]["count"] == 15
    assert len(record["latencies"]) == 5
    assert record["latency_percentiles"].keys() == {"50", "90", "95", "99"}


def test_requests_say_what_was_asked_for() -> None:
    with stub(streaming()) as server:
        records(server.url, "--temperature", "0.5", OPENAI_API_KEY="sk-1")
        records(server.url + "/v1/completions", "--no-ignore-eos", "--model", "other")
    chat, plain = server.requests[5], server.requests[-1]
    assert chat.path == "/v1/chat/completions"
    assert chat.headers["authorization"] == "Bearer sk-1"
    assert chat.headers["accept-encoding"] == "identity"
    assert chat.body | {"messages": None} == {
        "model": "stub",
        "messages": None,
        "max_tokens": 4,
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
        "ignore_eos": True,
    }
    assert plain.path == "/v1/completions"
    assert plain.body["model"] == "other"
    assert "authorization" not in plain.headers
    assert "ignore_eos" not in plain.body


def test_levels_keep_as_many_requests_in_flight_and_warm_up_apart() -> None:
    with stub(streaming(seconds=0.005)) as server:
        one, four = records(server.url, "--concurrency", "1,4", "--warmup", "3", "--requests", "9")
    measured = [one for one in server.requests if one.body["max_tokens"] == 4]
    assert len(measured) == 2 * (3 + 9)
    assert len({one.prompt for one in measured}) == 24  # none twice: no prefix cache knows it
    assert server.most_open == 4
    assert [one["serving"]["answered"], four["serving"]["answered"]] == [9, 9]


def test_a_rate_does_not_wait_for_answers() -> None:
    with stub(streaming(seconds=0.2)) as server:
        slow, fast = records(server.url, "--rate", "50,100", "--requests", "12")
    assert server.most_open > 4
    assert slow["concurrency"] is None
    rates = [one["conditions"]["request rate, 1/s"] for one in (slow, fast)]
    assert rates == [50, 100]


def test_tokens_are_counted_by_the_server_not_by_events() -> None:
    with stub(streaming(per_event=4, seconds=0.01)) as server:
        (record,) = records(server.url, "--new-tokens", "8")
    assert record["serving"]["new_tokens"] == 5 * 8
    assert record["serving"]["tokens_per_event"] == pytest.approx(4)
    assert record["serving"]["itl"]["count"] == 5
    assert record["serving"]["itl"]["mean"] > 4 * record["tpot_seconds"]


def test_the_last_token_may_have_no_text_and_the_first_event_has_none() -> None:
    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await begin_stream(writer)
        await send(writer, text_event(request, ""))
        await asyncio.sleep(0.1)
        await send(writer, text_event(request, " word"))
        await asyncio.sleep(0.1)
        await send(writer, text_event(request, "", "stop"))  # the end of the text is a token
        await send(writer, usage_event(request, 2) + "data: [DONE]\n\n")
        await end_stream(writer)

    with stub(reply) as server:
        (record,) = records(server.url, "--new-tokens", "2", "--requests", "1")
    assert record["ttft_seconds"] >= 0.09
    assert record["tpot_seconds"] >= 0.09


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_events_that_are_cut_anywhere_are_the_same(cut: int) -> None:
    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        whole = "".join(
            [
                ": comment\r\n\r\n",
                text_event(request, " wörd"),
                *[text_event(request, " word").replace("\n", "\r\n")] * 3,
                text_event(request, "", "length"),
                usage_event(request, 4),
                "data: [DONE]\n\n",
            ]
        ).encode()
        await begin_stream(writer)
        for start in range(0, len(whole), cut):
            await send(writer, whole[start : start + cut])
        await end_stream(writer)

    with stub(reply) as server:
        (record,) = records(server.url, "--requests", "2")
    assert record["serving"]["answered"] == 2
    assert record["serving"]["itl"]["count"] == 2 * 3


@pytest.mark.parametrize(
    "reply",
    [
        streaming(end=""),  # the reason to finish is enough
        streaming(end="data: [DONE]"),
        streaming(end="data: [DONE]\r\n\r\n: bye\n\n"),
    ],
)
def test_ends_of_a_stream(reply: Any) -> None:
    with stub(reply) as server:
        (record,) = records(server.url)
    assert record["serving"]["answered"] == 5


def test_what_came_from_a_prefix_cache_is_named() -> None:
    with stub(streaming(prompt_tokens_details={"cached_tokens": 16})) as server:
        (record,) = records(server.url)
    assert record["serving"]["cached_prompt_tokens"] == 5 * 16
    assert any("80 tokens of the prompts from its prefix cache" in one for one in
               record["warnings"])  # fmt: skip


def test_prompts_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("one\ntwo words\n")
    with stub(streaming()) as server:
        done = CliRunner().invoke(
            cli, ["serve-bench", server.url, "--prompts", str(file), "--requests", "3", "--json"]
        )
    (record,) = json.loads(done.stdout)
    assert [one.prompt for one in server.requests[-3:]] == ["one", "two words", "one"]
    assert record["prompt_tokens"] is None  # they differ
    assert record["conditions"]["prompts"].startswith("2 of a file #")


def test_goodput_is_shown() -> None:
    with stub(streaming()) as server:
        done = bench(server.url, "--ttft-target", "100000", "--tpot-target", "0.000001")
    assert "Goodput: 0 requests/s within a TTFT of" in done.output
    assert "(0.0% of the requests)" in done.output


def test_a_log_gives_back_the_same_results(tmp_path: Path) -> None:
    log, document = tmp_path / "serve.out", tmp_path / "serve.json"
    with stub(streaming()) as server:
        done = bench(server.url, "--json", "--concurrency", "1,2,4", "-o", str(log))
    document.write_text(done.stdout)
    written = [from_json(json.dumps(one)) for one in json.loads(done.stdout)]
    assert [one.concurrency for one in written] == [1, 2, 4]
    assert [reading.result for reading in read_logs([log])] == written
    assert [reading.result for reading in read_logs([document])] == written
    text = log.read_text()
    assert text.startswith("Server: http://127.0.0.1:")
    assert "Throughput: " in text


def test_standard_output_is_a_log(tmp_path: Path) -> None:
    log = tmp_path / "job-17.out"
    with stub(streaming()) as server:
        log.write_text(bench(server.url).stdout)
    (reading,) = read_logs([log])
    assert reading.result.tokens_per_second
    assert reading.result.format == "serve-bench"


@pytest.mark.parametrize(
    "load", [("--concurrency", "1,2,4"), ("--rate", "20,40,80")], ids=["concurrency", "rate"]
)
def test_levels_are_drawn_as_a_sweep_and_in_a_report(tmp_path: Path, load: Any) -> None:
    log = tmp_path / "serve.out"
    with stub(streaming()) as server:
        # Without --requests, their number differs by level, and is still one line.
        words = ["serve-bench", server.url, "--new-tokens", "2", *load, "-o", str(log)]
        if load[0] == "--rate":
            words += ["--requests", "6"]
        assert CliRunner().invoke(cli, words).exit_code == 0
    for command in (
        ["plot", str(log), "--kind", "sweep", "-o", str(tmp_path / "sweep.svg")],
        ["results", str(log)],
        ["report", str(log), "-o", str(tmp_path / "report.html")],
        ["compare", str(log), str(log)],
    ):
        done = CliRunner().invoke(cli, command)
        assert done.exit_code == 0, (command, done.output)
    name = "concurrency" if load[0] == "--concurrency" else "request rate"
    assert f">{name}" in (tmp_path / "sweep.svg").read_text() or name in done.output


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    log = tmp_path / "serve.out"
    log.write_text("mine")
    with stub(streaming()) as server, pytest.raises(UsageError, match=r"serve\.out exists"):
        bench(server.url, "-o", str(log))
    assert log.read_text() == "mine"
    assert server.requests == []
    with pytest.raises(UsageError, match="there is no folder"):
        bench(server.url, "-o", str(tmp_path / "missing" / "x.out"))


def test_a_server_with_several_models_is_asked_for_one_of_them() -> None:
    with stub(streaming(), models=["a", "b"]) as server:
        with pytest.raises(UsageError, match=r"has 2 models: choose one with --model: a, b"):
            bench(server.url)
        (record,) = records(server.url, "--model", "b")
    assert record["model"] == "b"


@pytest.mark.parametrize(
    "words",
    [
        ("--concurrency", "0"),
        ("--concurrency", "1,x"),
        ("--concurrency", "1.5"),
        ("--concurrency", ""),
        ("--rate", "nan"),
        ("--rate", "inf"),
        ("--rate", "-1"),
        ("--requests", "0"),
        ("--new-tokens", "0"),
        ("--endpoint", "embeddings"),
        ("--ttft-target", "0"),
    ],
)
def test_options_that_mean_nothing_are_refused(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, ["serve-bench", "http://localhost:1", *words])
    assert done.exit_code == 2
    assert words[0] in done.stderr


@pytest.mark.parametrize("note", ["x", "=y", "x=", "\x1b=3"])
def test_notes_that_say_nothing_are_refused(note: str) -> None:
    with pytest.raises(UsageError, match="NAME=VALUE"):
        bench("http://localhost:1", "--note", note)


def test_prompts_and_their_length_exclude_each_other(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("one\n")
    with pytest.raises(UsageError, match="leave out --prompt-tokens"):
        bench("http://localhost:1", "--prompts", str(file))


def test_without_the_client_library_one_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(UsageError, match=r"pip install 'workshop\[serve\]'"):
        bench("http://localhost:1")
