"""The parts of ``workshop serve-bench``: events, numbers, arrivals, prompts, addresses."""

from __future__ import annotations

import asyncio
import contextlib
import math
import statistics
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.serving.answers import Answer
from workshop.serving.arrivals import poisson
from workshop.serving.pieces import PieceError, Usage, piece_of
from workshop.serving.prompts import PromptError, Shuffled, read_prompts, shuffled_of_length
from workshop.serving.sse import EventError, EventParser
from workshop.serving.summary import Targets, percentile, spread_of, summary_of
from workshop.serving.target import key_in, target_of
from workshop.util.errors import UsageError

ENDS = (b"\n", b"\r\n", b"\r")
OTHERS = (
    b": a comment",
    b":",
    b"event: message",
    b"id: 7",
    b"retry",
    b"nothing known: x",
    b"datax",
)
data_lines = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])).map(
    str.encode
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """The bytes of a stream, and the data of its events."""
    events = draw(st.lists(st.lists(data_lines, min_size=1, max_size=3), max_size=5))
    written = bytearray(draw(st.sampled_from([b"", b"\xef\xbb\xbf"])))
    for lines in events:
        for line in lines:
            for other in draw(st.lists(st.sampled_from(OTHERS), max_size=2)):
                written += other + draw(st.sampled_from(ENDS))
            space = b" " if line.startswith(b" ") else draw(st.sampled_from([b"", b" "]))
            written += b"data:" + space + line + draw(st.sampled_from(ENDS))
        # A CR before a LF would be one end of a line.
        written += draw(st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"]))
    return bytes(written), [b"\n".join(lines) for lines in events]


@given(streams(), st.data())
def test_events_are_the_same_wherever_the_stream_is_cut(
    stream: tuple[bytes, list[bytes]], data: st.DataObject
) -> None:
    written, events = stream
    cuts = data.draw(st.lists(st.integers(0, len(written)), max_size=8).map(sorted))
    parser, found = EventParser(), []
    for start, end in pairwise([0, *cuts, len(written)]):
        found += parser.feed(written[start:end])
    assert [*found, *parser.end()] == events


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_any_bytes_are_events_or_an_error(received: list[bytes]) -> None:
    parser = EventParser(longest=100)
    try:
        for part in received:
            for event in parser.feed(part):
                assert len(event) <= 100
        parser.end()
    except EventError:
        pass


def test_the_end_of_the_stream_ends_the_last_event() -> None:
    parser = EventParser()
    assert parser.feed(b"data: [DONE]") == []
    assert parser.end() == [b"[DONE]"]


def test_many_short_parts_take_time_in_proportion() -> None:
    parser = EventParser()
    assert [event for _ in range(200_000) for event in parser.feed(b"x")] == []


@given(st.binary(max_size=300))
def test_any_event_is_a_piece_or_an_error(data: bytes) -> None:
    with contextlib.suppress(PieceError):
        piece_of(data)


@pytest.mark.parametrize(
    ("data", "text", "choice", "finish"),
    [
        ('{"choices": [{"delta": {"role": "assistant", "content": ""}}]}', False, True, None),
        ('{"choices": [{"delta": {"content": "x"}}]}', True, True, None),
        ('{"choices": [{"delta": {"content": null, "reasoning_content": "x"}}]}', True, True, None),
        ('{"choices": [{"delta": {"reasoning": "x"}}]}', True, True, None),
        ('{"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}', True, True, None),
        ('{"choices": [{"text": "x", "finish_reason": null}]}', True, True, None),
        ('{"choices": [{"text": "", "finish_reason": "length"}]}', False, True, "length"),
        ('{"choices": [{"delta": null, "finish_reason": ""}]}', False, True, None),
        ('{"choices": [], "usage": {"prompt_tokens": 1}}', False, False, None),
        ('{"choices": null}', False, False, None),
        ("{}", False, False, None),
    ],
)
def test_what_an_event_says(data: str, text: bool, choice: bool, finish: str | None) -> None:
    piece = piece_of(data.encode())
    assert (piece.text, piece.choice, piece.finish) == (text, choice, finish)


def test_what_the_server_counts() -> None:
    piece = piece_of(
        b'{"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 64,'
        b' "prompt_tokens_details": {"cached_tokens": 16}}}'
    )
    assert piece.usage == Usage(20, 64, 16)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0, 100))
def test_a_percentile_lies_between_neighbours(values: list[float], share: float) -> None:
    values.sort()
    found = percentile(values, share)
    assert values[0] <= found <= values[-1] or math.isclose(found, values[-1])
    below = sum(value < found for value in values) / len(values)
    assert below <= share / 100 + 1 / len(values)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=50))
def test_percentiles_are_those_of_numpy(values: list[float]) -> None:
    numpy = pytest.importorskip("numpy")
    spread = spread_of(values)
    assert spread is not None
    for share, value in spread.percentiles.items():
        assert value == pytest.approx(float(numpy.percentile(values, int(share))))
    assert spread.mean == pytest.approx(statistics.fmean(values))
    assert spread.std == pytest.approx(float(numpy.std(values, ddof=1)), abs=1e-6)
    assert (spread.least, spread.most) == (min(values), max(values))


def test_nothing_has_no_spread() -> None:
    assert spread_of([]) is None


def answered(ttft: float, tpot: float, tokens: int = 5, sent: float = 0.0) -> Answer:
    return Answer(
        "answered",
        sent,
        ttft + tpot * (tokens - 1),
        ttft_seconds=ttft,
        gaps=(tpot,) * (tokens - 1),
        events=tokens,
        usage=Usage(10, tokens),
    )


def test_a_summary_counts_whole_answers_alone() -> None:
    answers = [
        answered(0.1, 0.01),
        answered(0.3, 0.03, sent=1.0),
        Answer("error", 2.0, 1.0, "HTTP 500"),
        Answer("timeout", 2.0, 8.0, "no token", ttft_seconds=50.0, usage=Usage(10, 100)),
        Answer("short", 3.0, 1.0, "ended", ttft_seconds=9.0, events=2, usage=Usage(10, 2)),
    ]
    found = summary_of(6, answers, Targets(ttft_seconds=0.2))
    counts = (found.answered, found.errors, found.timeouts, found.short, found.unfinished)
    assert counts == (2, 1, 1, 1, 1)
    assert found.wall_seconds == pytest.approx(10.0)
    assert found.new_tokens == 10
    assert found.tokens_per_second == pytest.approx(1.0)
    assert found.ttft is not None
    assert found.ttft.mean == pytest.approx(0.2)
    assert found.tpot is not None
    assert found.tpot.mean == pytest.approx(0.02)
    assert found.itl is not None
    assert found.itl.count == 8
    assert found.problems == {"HTTP 500": 1, "no token": 1, "ended": 1}
    assert found.goodput is not None
    assert found.goodput.requests == 1
    assert found.goodput.share == pytest.approx(1 / 5)
    assert found.goodput.requests_per_second == pytest.approx(0.1)


limits = st.none() | st.floats(0, 1)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1), limits, limits)
def test_goodput_counts_who_meets_both_targets(
    times: list[tuple[float, float]], ttft: float | None, tpot: float | None
) -> None:
    answers = [answered(*one, tokens=2) for one in times]
    goodput = summary_of(len(answers), answers, Targets(ttft, tpot)).goodput
    good = sum(
        (ttft is None or one.ttft_seconds <= ttft) and (tpot is None or one.tpot_seconds <= tpot)
        for one in answers
        if one.ttft_seconds is not None and one.tpot_seconds is not None
    )
    if ttft is None and tpot is None:
        assert goodput is None
    elif any(one.seconds > 0 for one in answers):
        assert goodput is not None
        assert goodput.requests == good


def test_a_level_without_an_answer_has_no_numbers() -> None:
    found = summary_of(4, [], Targets(1.0))
    assert found.unfinished == 4
    assert found.wall_seconds is found.tokens_per_second is found.ttft is found.goodput is None


def test_several_tokens_of_an_event_are_counted_by_the_server() -> None:
    answer = Answer("answered", 0.0, 1.1, ttft_seconds=0.1, gaps=(0.5, 0.5), events=3,
                    usage=Usage(10, 11))  # fmt: skip
    assert answer.tpot_seconds == pytest.approx(0.1)
    assert summary_of(1, [answer]).tokens_per_event == pytest.approx(11 / 3)


@given(st.floats(0.01, 1e4), st.integers(1, 200), st.integers(-(2**63), 2**63))
def test_arrivals_ascend_and_repeat_with_their_seed(rate: float, count: int, seed: int) -> None:
    times = poisson(rate, count, seed)
    assert len(times) == count
    assert all(0 <= a <= b for a, b in pairwise([0.0, *times]))
    assert times == poisson(rate, count, seed)
    assert times != poisson(rate, count, seed + 1)


def test_arrivals_are_a_poisson_process() -> None:
    rate, count = 5.0, 20_000
    times = poisson(rate, count, 1)
    gaps = [b - a for a, b in pairwise([0.0, *times])]
    assert statistics.fmean(gaps) == pytest.approx(1 / rate, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(1 / rate, rel=0.03)  # as the mean
    counts = [0] * int(times[-1])
    for time in times:
        if time < len(counts):
            counts[int(time)] += 1
    assert statistics.variance(counts) == pytest.approx(rate, rel=0.1)  # of counts a second


def length(tokens: int, per_word: int = 1, template: int = 3) -> Shuffled:
    """The prompts that a server gets to see which splits every word but 'a' like this."""

    async def count(prompt: str) -> int:
        words = prompt.split()
        return template + sum(1 if word == "a" else per_word for word in words)

    prompts, found = asyncio.run(shuffled_of_length(tokens, count, 0))
    assert found == tokens
    assert asyncio.run(count(prompts.prompt(0, 5))) == tokens
    return prompts


@given(st.integers(60, 5000), st.integers(1, 5), st.integers(0, 40))
def test_prompts_have_the_length_that_the_server_counts(
    tokens: int, per_word: int, template: int
) -> None:
    length(tokens, per_word, template)


def test_prompts_differ_from_each_other_and_repeat_with_their_seed() -> None:
    prompts = Shuffled(50, 3, seed=1)
    texts = {prompts.prompt(level, request) for level in range(3) for request in range(50)}
    assert len(texts) == 150
    assert len({tuple(sorted(text.split())) for text in texts}) == 1
    assert prompts.prompt(2, 7) == Shuffled(50, 3, seed=1).prompt(2, 7)
    assert prompts.prompt(2, 7) != Shuffled(50, 3, seed=2).prompt(2, 7)


def test_a_template_longer_than_the_prompt_is_named() -> None:
    with pytest.raises(PromptError, match=r"the server counts 32 tokens in the shortest prompt"):
        length(20, template=30)


def test_prompts_come_from_a_file(tmp_path: Path) -> None:
    plain, lines = tmp_path / "a.txt", tmp_path / "b.jsonl"
    plain.write_text("one\n\n two \r\n")
    lines.write_text('{"prompt": "one\\ntwo", "more": 1}\n')
    listed = read_prompts(plain)
    assert [listed.prompt(0, i) for i in range(3)] == ["one", " two ", "one"]
    assert read_prompts(lines).texts == ("one\ntwo",)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"\n \n", "has no prompt"),
        ("a.txt", b"\xff\xfe", "is not text in UTF-8"),
        ("a.jsonl", b'{"prompt": "x"}\n{"prompt": 3}', "line 2"),
        ("a.jsonl", b"[" * 100_000, "line 1"),
        ("missing.txt", None, "cannot read"),
    ],
)
def test_a_file_without_prompts_is_refused(
    tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=sentence):
        read_prompts(tmp_path / name)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://node17:8000", "http://node17:8000/v1/chat/completions"),
        ("http://node17:8000/v1/", "http://node17:8000/v1/chat/completions"),
        ("https://x.org/api/v1", "https://x.org/api/v1/chat/completions"),
        ("http://[::1]:8000/v1/completions", "http://[::1]:8000/v1/completions"),
        ("http://x/v1/chat/completions/", "http://x/v1/chat/completions"),
    ],
)
def test_addresses(url: str, address: str) -> None:
    assert target_of(url, None, None).address == address


@pytest.mark.parametrize(
    "url",
    ["node17:8000", "ftp://x", "http://", "http://user:secret@x/v1", "http://x:99999999",
     "http://x/v1?key=secret", "http://[::1", "", "\x1b[31m",
     "http://a..b", "http://\x1b[31m:80", "http://a b", f"http://{'x' * 300}.org",
     "http://x/\x1b[31m"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        target_of(url, None, None)
    assert "secret@" not in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_a_key_is_in_no_text_about_its_server() -> None:
    target = target_of("http://x", None, key_in({"KEY": " sk-12345 \n"}, "KEY"))
    assert target.headers["Authorization"] == "Bearer sk-12345"
    assert "sk-12345" not in repr(target)
    assert "sk-12345" not in target.safe("your key sk-12345 is wrong")
    assert key_in({}, "KEY") is None
    with pytest.raises(UsageError, match="the API key in KEY"):
        key_in({"KEY": "a\nHost: b"}, "KEY")
