"""``workshop serve-bench`` and servers that fail: one sentence, and earlier numbers stay."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from patience import HANG, wait_for

from workshop.cli import cli
from workshop.record.readers import read_logs
from workshop.util.errors import UsageError

pytest.importorskip("httpx2", reason="httpx2 is not installed: pip install -e '.[serve]'")

from serving_stub import (
    STREAM,
    Reply,
    Request,
    begin_stream,
    end_stream,
    event,
    send,
    send_whole,
    streaming,
    stub,
    text_event,
    usage_event,
)

FEW = ("--requests", "4", "--warmup", "0", "--new-tokens", "4", "--prompt-tokens", "20")


def bench(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["serve-bench", *words], env=environment)


def measured(url: str, *words: str) -> tuple[Result, list[dict[str, Any]]]:
    """What is printed, and the records, of a few requests."""
    done = bench(url, "--json", *FEW, *words)
    assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit)
    return done, json.loads(done.stdout) if done.stdout else []


def first_well(reply: Reply, well: int) -> Reply:
    """Answers some requests as it should, and the later ones as given."""
    left = well

    async def mixed(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        asks_for_a_length = request.body["max_tokens"] == 1
        left -= not asks_for_a_length
        await (streaming() if asks_for_a_length or left >= 0 else reply)(request, writer)

    return mixed


def status(code: int, body: str, kind: str = "application/json") -> Reply:
    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await send_whole(writer, code, body, kind)

    return reply


def raw(*parts: str | bytes, kind: str = STREAM, ended: bool = True) -> Reply:
    """A stream with these bytes; without its end, the connection is closed."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await begin_stream(writer, kind)
        for part in parts:
            await send(writer, part)
        if ended:
            await end_stream(writer)
        else:
            writer.close()

    return reply


async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(HANG)


async def silent_after_two(request: Request, writer: asyncio.StreamWriter) -> None:
    await begin_stream(writer)
    for _ in range(2):
        await send(writer, text_event(request, " word"))
    await asyncio.sleep(HANG)


async def only_comments(request: Request, writer: asyncio.StreamWriter) -> None:
    await begin_stream(writer)
    while True:
        await send(writer, ": still here\n\n")
        await asyncio.sleep(0.01)


async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
    await begin_stream(writer)
    while True:
        await send(writer, text_event(request, " word") * 100)


async def broken_http(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    writer.close()


async def compressed(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                 b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")  # fmt: skip
    await writer.drain()


CHAT = {"choices": [{"delta": {"content": "x"}}]}
FAILING = {
    "500": (status(500, '{"error": {"message": "out of memory"}}'),
            "HTTP 500 Internal Server Error: out of memory"),
    "429": (status(429, '{"message": "slow down"}'), "HTTP 429 Too Many Requests: slow down"),
    "503 with a page": (status(503, "<html>oops</html>", "text/html"),
                        "HTTP 503 Service Unavailable"),
    "a status that is none": (status(799, "?"), "HTTP 799: ?"),
    "404": (status(404, '{"detail": "Not Found"}'), "check the address and --endpoint"),
    "401": (status(401, "{}"), "--api-key-env"),
    "redirect": (status(307, ""), "the server redirects"),
    "JSON that is no stream": (status(200, '{"choices": []}'),
                               "application/json in place of a stream"),
    "HTML": (status(200, "<html>", "text/html"), "text/html in place of a stream"),
    "no JSON": (raw("data: hello\n\n"), "an event that is not a completion's: hello"),
    "JSON of another kind": (raw("data: [1, 2]\n\n"), "an event that is not a completion's"),
    "choices of another kind": (raw('data: {"choices": [3]}\n\n'), "not a completion's: {"),
    "nested": (raw("data: " + "[" * 100_000 + "\n\n"), "not a completion's: [[["),
    "no UTF-8": (raw(b"data: \xff\xfe\x00\n\n"), "an event that is not a completion's"),
    "no events": (raw(b"\x00\x01\x02" * 100), "closed the stream before the answer"),
    "an endless line": (raw(*[b"x" * 65_536] * 20), "a line of more than 1048576 bytes"),
    "an endless event": (raw(*[b"data: " + b"x" * 65_530 + b"\n"] * 20),
                         "an event of more than 1048576 bytes"),
    "an endless answer": (endless, "the answer does not end: "),
    "error in the stream": (raw(event(CHAT), event({"error": {"message": "KV cache is full"}})),
                            "the server reports an error: KV cache is full"),
    "no text": (raw(event({"choices": [{"delta": {}, "finish_reason": "stop"}]})),
                "the answer has no text"),
    "closed early": (raw(event(CHAT), event(CHAT), ended=False), "the server broke off"),
    "ended early": (raw(event(CHAT)), "closed the stream in the middle of an answer"),
    "cut in an event": (raw(event(CHAT), 'data: {"choi'), "an event that is not a completion's"),
    "another protocol": (broken_http, "does not speak HTTP"),
    "compressed": (compressed, "compresses its stream"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_a_failed_request_is_one_sentence_and_counts_nowhere(name: str) -> None:
    reply, sentence = FAILING[name]
    with stub(first_well(reply, 2)) as server:
        done, (record,) = measured(server.url, "--requests", "5")
    assert record["status"] == "ok"
    assert record["serving"]["answered"] == 2
    assert record["serving"]["errors"] == 3
    (problem,) = record["serving"]["problems"]
    assert sentence in problem
    assert record["serving"]["new_tokens"] == 2 * 4
    assert len(record["latencies"]) == 2
    assert any("3 of 5 requests are not counted: " in one for one in record["warnings"])
    assert done.exit_code == 0


@pytest.mark.parametrize("name", FAILING)
def test_a_server_that_never_answers_ends_with_one_sentence(name: str) -> None:
    reply, sentence = FAILING[name]
    with stub(reply) as server:
        done = bench(server.url, *FEW)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert sentence in line


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (silent, "no token within 0.3 s (--first-token-timeout)"),
        (only_comments, "no token within 0.3 s (--first-token-timeout)"),
        (silent_after_two, "no further token within 0.2 s (--token-timeout)"),
    ],
)
def test_a_slow_server_is_timed_out_and_left(reply: Reply, sentence: str) -> None:
    with stub(first_well(reply, 5)) as server:
        done, records = measured(
            server.url,
            *("--requests", "20", "--first-token-timeout", "0.3", "--token-timeout", "0.2"),
            *("--concurrency", "1,2"),
        )
    assert done.exit_code == 1
    (record,) = records  # the second level is not measured
    assert record["status"] == "incomplete"
    assert record["serving"]["answered"] == 5
    assert record["serving"]["timeouts"] == 3
    assert record["serving"]["unfinished"] == 12
    assert f"the server no longer answered ({sentence}), after 8 of 20" in record["reason"]
    assert record["tokens_per_second"] > 0


def test_a_server_that_dies_leaves_what_was_measured_before() -> None:
    async def dies(request: Request, writer: asyncio.StreamWriter) -> None:
        server.close()
        writer.transport.abort()

    with stub(first_well(dies, 6)) as server:
        done, (record,) = measured(server.url, "--requests", "40", "--concurrency", "2,4")
    assert done.exit_code == 1
    assert record["status"] == "incomplete"
    assert record["serving"]["answered"] in (5, 6)
    assert record["serving"]["unfinished"] > 25
    assert "nothing listens at" in record["reason"]
    assert "connection refused" in done.stderr


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = bench(url)
    assert done.exit_code == 1
    assert done.stderr == f"Error: nothing listens at {url}/v1: connection refused\n"


def test_there_is_no_such_host() -> None:
    done = bench("http://no-such-host.invalid", "--model", "m")
    assert done.exit_code == 1
    assert "http://no-such-host.invalid/v1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate that no CA has signed, and a server's TLS with it."""
    key, path = tmp_path / "key.pem", tmp_path / "cert.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-keyout", key, "-out", path, "-subj", "/CN=127.0.0.1",
             "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True, timeout=HANG,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return path, context


def test_an_untrusted_certificate_is_refused_unless_its_ca_is_named(
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    path, context = certificate
    with stub(streaming(), tls=context) as server:
        refused = bench(server.url, *FEW)
        trusted = bench(server.url, *FEW, "--ca", str(path))
        plain = bench(server.url.replace("https:", "http:"), *FEW)
    assert refused.exit_code == 1
    (line,) = refused.stderr.splitlines()
    assert "certificate" in line
    assert "--ca" in line
    assert trusted.exit_code == 0, trusted.output
    assert plain.exit_code == 1
    assert len(plain.stderr.splitlines()) == 1


def test_a_server_without_tls_is_named(tmp_path: Path) -> None:
    with stub(streaming()) as server:
        done = bench(server.url.replace("http:", "https:"), *FEW)
    assert done.exit_code == 1
    assert "does not speak TLS: try http://" in done.stderr
    (tmp_path / "ca.pem").write_text("nothing")
    wrong = bench("https://localhost:1", "--ca", str(tmp_path / "ca.pem"))
    assert isinstance(wrong.exception, UsageError)
    assert "has no CA certificate in PEM format" in str(wrong.exception)


def test_a_key_and_control_characters_of_the_server_are_not_shown() -> None:
    body = json.dumps({"error": {"message": "wrong key sk-1234567890 \x1b[31mred\x07\nline"}})
    with stub(status(401, body), models=["evil\x1b]0;title\x07"]) as server:
        done = bench(server.url, *FEW, OPENAI_API_KEY="sk-1234567890")
    assert "sk-1234567890" not in done.output
    assert "[API key]" in done.output
    assert "\x1b" not in done.output
    assert "\x07" not in done.output
    assert server.requests[0].headers["authorization"] == "Bearer sk-1234567890"


def test_without_usage_speed_is_null_and_a_sentence_says_so() -> None:
    with stub(streaming(usage=False)) as server:
        done, (record,) = measured(server.url, "--ttft-target", "1e6", "--tpot-target", "1e6")
    assert done.exit_code == 1
    assert record["status"] == "incomplete"
    assert "reports no usage" in record["reason"]
    assert "reports no usage" in done.stderr
    assert record["tokens_per_second"] is record["tpot_seconds"] is None
    assert record["ttft_seconds"] > 0
    assert record["serving"]["itl"]["count"] == 4 * 3
    assert record["serving"]["goodput"] is None
    assert any("prompts have 20 words" in one for one in record["warnings"])


@pytest.mark.parametrize("count", [-1, 10**12, 1.5, "4", None, True, [4], 0])
def test_a_count_that_no_server_can_mean_is_no_count(count: object) -> None:
    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        usage = {"prompt_tokens": count, "completion_tokens": count}
        await raw(
            *[text_event(request, " word")] * 4,
            text_event(request, "", "length"),
            event({"choices": [], "usage": usage}),
            "data: [DONE]\n\n",
        )(request, writer)

    with stub(reply) as server:
        _, (record,) = measured(server.url)
    assert record["tokens_per_second"] is None
    assert record["prompt_tokens"] is None
    assert "reports no usage" in record["reason"]


def test_short_answers_are_counted_apart() -> None:
    async def every_other_is_short(request: Request, writer: asyncio.StreamWriter) -> None:
        short = request.number % 2 and request.body["max_tokens"] > 1
        await streaming(2 if short else None, finish="stop" if short else "length")(request, writer)

    with stub(every_other_is_short) as server:
        _, (record,) = measured(server.url)
        _, (open_ended,) = measured(server.url, "--no-ignore-eos")
    assert record["serving"]["short"] == 2
    assert record["serving"]["answered"] == 2
    assert record["serving"]["new_tokens"] == 8
    assert any("does not honour ignore_eos" in one for one in record["warnings"])
    assert open_ended["serving"]["answered"] == 4
    assert open_ended["serving"]["new_tokens"] == 2 * 4 + 2 * 2
    assert open_ended["new_tokens"] is None
    assert open_ended["conditions"]["most new tokens"] == 4


def test_answers_longer_than_asked_for_are_named() -> None:
    with stub(streaming(9)) as server:
        _, (record,) = measured(server.url)
    assert "4 answers have more than the 4 tokens that were asked for" in record["warnings"]


def test_a_server_that_keeps_the_connection_open_after_its_end_mark_is_measured() -> None:
    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await begin_stream(writer)
        await send(writer, text_event(request, " word", "length"))
        await send(writer, usage_event(request, 1) + "data: [DONE]\n\n")
        await asyncio.sleep(HANG)

    with stub(reply) as server:
        done, (record,) = measured(server.url, "--new-tokens", "1", "--requests", "1")
    assert done.exit_code == 0, done.stderr
    assert record["serving"]["answered"] == 1
    assert record["tpot_seconds"] is None


def test_a_finished_answer_whose_stream_stays_open_is_measured() -> None:
    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await begin_stream(writer)
        await send(writer, text_event(request, " word", "length") + usage_event(request, 1))
        await asyncio.sleep(HANG)

    words = ("--new-tokens", "1", "--requests", "1", "--token-timeout", "0.2")
    with stub(reply) as server:
        done, (record,) = measured(server.url, *words)
    assert done.exit_code == 0, done.stderr
    assert record["serving"]["answered"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_was_measured(number: int, tmp_path: Path) -> None:
    log = tmp_path / "serve.out"
    with stub(first_well(silent, 8)) as server:
        command = [sys.executable, "-m", "workshop", "serve-bench", server.url, "-o", str(log)]
        command += [*FEW, "--concurrency", "2,3", "--requests", "5"]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: sum(one.body["max_tokens"] > 1 for one in server.requests) > 9)
        os.kill(running.pid, number)
        printed, _ = running.communicate(timeout=HANG)
    assert running.returncode == 1
    first, second = (reading.result for reading in read_logs([log]))
    assert (first.status, first.concurrency) == ("ok", 2)
    assert (second.status, second.concurrency) == ("incomplete", 3)
    assert "it was interrupted, after" in (second.reason or "")
    assert "Traceback" not in printed
