"""Reading our own logs: what a run wrote comes back, and nothing else is ever taken for it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tempfile
import tracemalloc
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from builders import (
    START,
    WORDS,
    failed,
    only,
    record_line,
    result,
    results_of,
    sample,
    sample_line,
    settings_line,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reader_corpus import EXPECTED, logs_of

from workshop.readers import Reading, lines, ours, read_logs, registry
from workshop.readers.entries import entry
from workshop.readers.ours import one_line, read_log
from workshop.results import (
    PREFIX,
    SAMPLE_PREFIX,
    SETTINGS_PREFIX,
    Result,
    to_json,
)
from workshop.stages import UsageError, settings_of

quick = settings(max_examples=150)


# A record is found


def test_the_record_at_the_end_of_a_log_is_its_result() -> None:
    record = result("compile", 240, 250)
    assert only(*START, settings_line(), *WORDS, record_line(record)) == record


def test_a_failed_run_has_a_record_too() -> None:
    assert only(*START, record_line(failed("compile"))) == failed("compile")


def test_logs_put_together_give_a_result_for_each() -> None:
    first, second = result("baseline", 100), result("compile", 200)
    runs = [settings_line("baseline"), record_line(first), settings_line(), record_line(second)]
    assert results_of("\n".join(runs).encode()) == [first, second]
    assert results_of("\n".join([runs[1], runs[3]]).encode()) == [first, second]


def test_what_json_option_prints_is_read_too() -> None:
    record = result("tp", 30)
    assert only(to_json(record)) == record


@pytest.mark.parametrize(
    "log",
    [
        "{line}",  # the last newline is missing
        "{line}\r\n",
        "Loading: 50%\rLoading: 100%\r{line}\n",
        "\x1b[?25h\x1b[0m{line}\x1b[K\n",
        "\x1b]0;a title\x07{line}\n",
        "\0\0\0\0{line}\n",  # a hole that a truncated file was continued after
        "\ufeff{line}\n",
    ],
)
def test_what_a_terminal_would_not_show_does_not_hide_a_record(log: str) -> None:
    record = result("compile", 240)
    assert results_of(log.format(line=record_line(record)).encode()) == [record]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_log_that_was_saved_in_another_encoding_is_read(encoding: str) -> None:
    record = result("compile", 240, reason="größer ✓ 😀")
    log = f"Stage: compile\nÄ\n{record_line(record)}\n"
    assert results_of(log.encode(encoding)) == [record]


lines_of_text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))
garbage = st.lists(
    st.one_of(
        lines_of_text,
        lines_of_text.map(lambda text: PREFIX + text),
        lines_of_text.map(lambda text: SAMPLE_PREFIX + text),
        st.sampled_from([*START, *WORDS, "WORKSHOP-RESULT", "\x1b[31m", "Stage: tp"]),
    ),
    max_size=6,
)


@quick
@given(garbage, garbage, st.lists(st.floats(1, 1e6), min_size=1, max_size=3))
def test_a_record_between_garbage_is_read_as_it_was_written(
    before: list[str], after: list[str], speeds: list[float]
) -> None:
    record = result("quantize", *speeds)
    log = "\n".join([*before, record_line(record), *after])
    assert results_of(log.encode()) == [record]


# Nothing is invented


@quick
@given(st.binary(max_size=2000))
@example(b"\xff\xfe\x00")
@example(PREFIX.encode() + b"[" * 100_000)
@example(b'{"stage": "tp", "status": "ok", "x": ' + b"[" * 100_000)
@example(b"\x1b" * 1000)
def test_any_bytes_give_one_result_without_a_number(content: bytes) -> None:
    (found,) = results_of(content)
    assert found.tokens_per_second is None
    assert found.status == "failed"
    assert found.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@quick
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "ttft_seconds": st.floats() | json_values,
                "decode_seconds": st.floats(),
                "tokens": st.lists(st.integers(0, 9), max_size=4) | json_values,
                "text": st.text(max_size=3),
            },
            optional={
                "verify_passes": st.integers(),
                "accepted": st.integers(),
                "proposed_by_position": st.lists(st.integers(), max_size=3),
                "accepted_by_position": st.lists(st.integers(), max_size=3),
            },
        ),
        max_size=4,
    ),
    st.integers(),
)
def test_samples_with_impossible_numbers_never_raise(
    samples: list[dict[str, object]], draft_tokens: int
) -> None:
    announced = json.loads(to_json(settings_of("speculative"))) | {"draft_tokens": draft_tokens}
    log = [SETTINGS_PREFIX + json.dumps(announced)]
    log += [SAMPLE_PREFIX + json.dumps(one) for one in samples]
    found = only(*log)
    assert all(one.ttft_seconds >= 0 and one.decode_seconds >= 0 for one in found.samples)


@pytest.mark.parametrize(
    "line",
    [
        "WORKSHOP-RESULT 9999 tokens/sec",
        " " + record_line(result("tp", 9999)),
        "> " + record_line(result("tp", 9999)),
        "The log says " + record_line(result("tp", 9999)),
        record_line(result("tp", 9999))[:-1],
        record_line(result("tp", 9999)) + " and so on",
        sample_line(sample(9999)),  # without settings before it, nothing says whose
        "Average tokens/sec: 9999.00",
        "Time for inference 1: 0.83 sec total, 9999.00 tokens/sec",
    ],
)
def test_text_that_imitates_a_result_is_not_one(line: str) -> None:
    found = only("Stage: compile", line, "Goodbye.")
    assert found.stage == "compile"
    assert found.tokens_per_second is None
    assert found.samples == []


def test_of_a_runs_records_the_last_counts() -> None:
    imitated, real = result("compile", 9999), result("compile", 240)
    log = [settings_line(), record_line(imitated), sample_line(sample()), record_line(real)]
    assert only(*log) == real


def test_a_record_that_a_sample_follows_was_not_the_end_of_the_run() -> None:
    log = [settings_line(), record_line(result("compile", 9999)), sample_line(sample(240))]
    found = only(*log)
    assert found.status == "incomplete"
    assert found.tokens_per_second == pytest.approx(240)


def test_a_record_of_a_stage_that_is_not_known_is_refused() -> None:
    unknown = to_json(result("compile", 240)).replace('"compile"', '"turbo"')
    found = only("Stage: compile", PREFIX + unknown)
    assert found.tokens_per_second is None
    assert found.reason
    assert "turbo" in found.reason


# Several files


def test_readings_come_with_their_files_in_the_order_given(tmp_path: Path) -> None:
    records = {tmp_path / f"{name}.out": result(name, 100) for name in ("tp", "baseline")}
    for path, record in records.items():
        path.write_text(record_line(record))
    assert read_logs(records) == [Reading(path, record) for path, record in records.items()]
    assert read_log(tmp_path / "tp.out") == [records[tmp_path / "tp.out"]]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "job.out"
    path.write_text(record_line(result("tp", 100)))
    (tmp_path / "link.out").symlink_to(path)
    other = tmp_path / "other.out"
    other.touch()
    paths = [path, other, tmp_path / "." / "job.out", tmp_path / "link.out"]
    assert [reading.path for reading in read_logs(paths)] == [path, other]


def test_a_path_that_cannot_be_read_is_the_users_mistake(tmp_path: Path) -> None:
    loop = tmp_path / "loop.out"
    loop.symlink_to(loop)
    mistakes = {
        tmp_path / "none.out": "there is no file .*none.out",
        tmp_path: r"is a directory.*/job\*.out",
        loop: "cannot read .*loop.out",
        tmp_path / ("x" * 300): "cannot read .*xxx",
        Path("a\0b"): "cannot read 'a.x00b'",
    }
    for path, sentence in mistakes.items():
        with pytest.raises(UsageError, match=sentence):
            read_logs([path])


def test_text_for_a_sentence_is_one_short_line() -> None:
    assert one_line("  two\n\tlines ") == "two lines"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"


# A corpus: what each log says stands beside it


@pytest.mark.parametrize("log", logs_of("ours"), ids=lambda path: path.stem)
def test_a_log_says_what_stands_beside_it(log: Path) -> None:
    expected = json.loads(log.with_name(log.name + EXPECTED).read_text())
    found = [entry(reading) for reading in read_logs([log])]
    assert [{key: one[key] for key in want} for one, want in zip(found, expected, strict=True)] == (
        expected
    )


# Only the lines that matter are looked at


log_bytes = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"\n",
                b"\r",
                b"\r\n",
                b"\0\0",
                b"needle",
                b"pin: 7",
                b"\xef\xbb\xbf",
                b"\x1b[31m",
                b"{",
            ]
        ),
    ),
    max_size=40,
).map(b"".join)


@quick
@given(log_bytes, st.integers(1, 30))
def test_the_lines_with_a_needle_are_found_whatever_the_pieces(log: bytes, block: int) -> None:
    needles = (b"needle", b"pin:")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", max(block, 2))
        found = list(lines.needle_lines(io.BytesIO(log), needles))
    if log[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return  # in UTF-16 these are other characters
    cleaned = log.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").replace(b"\r", b"\n")
    expected = [line for line in cleaned.split(b"\n") if any(one in line for one in needles)]
    assert found == [lines.visible(line.decode(errors="replace")) for line in expected]


@quick
@given(garbage, garbage, st.booleans())
def test_looking_at_records_alone_gives_what_looking_at_all_lines_gives(
    before: list[str], after: list[str], announced: bool
) -> None:
    record = result("compile", 240)
    log = [*before, *([settings_line()] if announced else []), record_line(record), *after]
    content = "\n".join(log).encode()
    whole = ours.records(io.BytesIO(content)).whole
    assert whole in ([], results_of(content))


def test_lines_far_from_an_anchor_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 1000)
    far, filling = b"needle far\n", b"x" * 99 + b"\n"
    log = far + filling * 30 + b"needle near\nanchor\nneedle near\n" + filling * 30 + far
    found = lines.needle_lines(io.BytesIO(log), (b"needle",), (b"anchor",))
    assert list(found) == ["needle near", "needle near"]


@quick
@given(log_bytes, st.lists(st.sampled_from([b"needle", b"pin: 7", b"Pin", b"x"]), min_size=1))
def test_words_that_are_in_a_log_are_found(log: bytes, words: list[bytes]) -> None:
    if log[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return  # in UTF-16 these are other characters
    cleaned = log.replace(b"\0", b"").replace(b"\r", b"\n")
    there = [any(word in cleaned for word in group) for group in ([b"not"], words, words[:1])]
    sought = [[b"not"], words, words[:1]]
    assert lines.which_are_in(io.BytesIO(log), sought) == there


def test_the_search_for_words_ends_where_the_first_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "BLOCK", 10)
    log = io.BytesIO(b"one\nfiller\n" + b"filler\n" * 100 + b"two\n")
    assert lines.which_are_in(log, [[b"one"], [b"two"]]) == [True, False]
    assert log.tell() < 100


def test_a_log_of_which_all_but_the_end_is_text_takes_no_memory(tmp_path: Path) -> None:
    record = result("compile", 240)
    log = tmp_path / "job.out"
    with log.open("wb") as file:
        file.seek(200_000_000)  # a hole: no disk is used
        file.write(b"\n" + record_line(record).encode())
    tracemalloc.start()
    try:
        assert [reading.result for reading in read_logs([log])] == [record]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_long_log_without_a_record_says_why_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "job-tp-1.out"
    text = "the model says so\n" * 300_000
    log.write_text(
        f"Stage: compile\n{text}ModuleNotFoundError: No module named 'torch'\n{text[:200]}"
    )
    (found,) = read_logs([log])
    assert found.result.stage == "compile"
    assert found.result.reason
    assert "torch is not installed" in found.result.reason


def test_a_log_that_comes_through_a_pipe_is_read(tmp_path: Path) -> None:
    record = result("compile", 240)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = f"Stage: compile\n{record_line(record)}\n"
    with subprocess.Popen(["sh", "-c", 'printf %s "$1" > "$2"', "sh", text, str(pipe)]):
        assert read_logs([pipe]) == [Reading(pipe, record)]


@quick
@given(st.binary(max_size=3000))
@example(b"\xff\xfe")
@example(b"[" * 100_000)
@example(b'{"a": ' * 100_000)
@example(b"a,b,c\n" + b'"' * 1000)
@example(b"[1e999, NaN]")
def test_no_bytes_are_too_strange_for_any_format(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "some.log")
        log.write_bytes(content)
        (found,) = read_logs([log])
    assert found.result.status == "failed"
    assert found.result.tokens_per_second is None
    assert found.result.reason


# Formats that a site adds


class Site:
    """A site's own format: a speed on a line."""

    NAME = "site"
    NEEDLES = (b"speed",)

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def results(self, lines: Iterable[str], file_name: str) -> list[Result]:
        if self.error:
            raise self.error
        return [
            Result(None, "ok", format=self.NAME, tokens_per_second=float(line.split()[1]))
            for line in lines
        ]


class Point:
    """An entry point, as importlib.metadata gives it."""

    name = "site"

    def __init__(self, load: Callable[[], object]) -> None:
        self.load = load


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], object]], None]]:
    known = list(entry_points(group=registry.GROUP))

    def add(load: Callable[[], object]) -> None:
        registry.installed.cache_clear()
        monkeypatch.setattr(registry, "entry_points", lambda group: [Point(load), *known])

    yield add
    registry.installed.cache_clear()


def test_a_site_can_add_a_format(
    install: Callable[[Callable[[], object]], None], tmp_path: Path
) -> None:
    install(Site)
    log = tmp_path / "site.log"
    log.write_text("text\nspeed 12.5\n")
    (found,) = read_logs([log])
    assert (found.result.format, found.result.tokens_per_second) == ("site", 12.5)


def cannot_import() -> object:
    raise ImportError("no such module")


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (cannot_import, "site logs cannot be loaded: ImportError: no such module"),
        (lambda: object(), "site logs cannot be loaded"),
        (lambda: Site(KeyError("oops")), "site logs failed on site.log: KeyError"),
        (lambda: Site(RecursionError("deep")), "site logs failed on site.log"),
    ],
)
def test_a_sites_reader_that_breaks_is_named_and_the_others_go_on(
    install: Callable[[Callable[[], object]], None],
    tmp_path: Path,
    load: Callable[[], object],
    sentence: str,
) -> None:
    install(load)
    log = tmp_path / "site.log"
    log.write_text("speed 1\nTime for inference 1: 2.00 sec total, 9.50 tokens/sec\n")
    with pytest.warns(registry.ReaderWarning, match=sentence):
        (found,) = read_logs([log])
    assert (found.result.format, found.result.tokens_per_second) == ("gpt-fast", 9.5)


def test_every_format_of_this_package_can_be_loaded() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.installed.cache_clear()
        names = [name for name, _ in registry.installed()]
    assert set(registry.ORDER) <= set(names)
