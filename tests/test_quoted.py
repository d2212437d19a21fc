"""What keeps the docs' figures fresh: a digest of code, and blocks between markers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from quoted import code, stamp, words
from quoted.blocks import BlockError, blocks_in, rendered
from quoted.host import Host, architecture
from quoted.measuring import MeasuringError, commit_of
from quoted.parts import GPT_FAST, PARTS, Part, parts_here
from quoted.stored import RenderingError, Stored

PROGRAM = '''"""A module."""

LIMIT = 3  # of something


def double(x: int) -> int:
    """Twice as much."""
    if x > LIMIT:
        raise ValueError(f"{x} is too much")
    return 2 * x
'''
HOST = Host("AMD EPYC", "Zen 4", 2, 32 * 2**20)


def digest_of(folder: Path, text: str, pattern: str = "*.py", name: str = "code.py") -> str:
    (folder / name).write_text(text)
    return code.digest(folder, [pattern])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""What this is about."""'),
        ('    """Twice as much."""\n', ""),
        ("  # of something", ""),
        ("is too much", "is more than can be doubled"),
        ("x: int", "x: float"),
        ("\n\n\ndef", "\n\ndef"),
    ],
)
def test_words_for_people_are_not_part_of_the_digest(tmp_path: Path, old: str, new: str) -> None:
    assert old in PROGRAM
    assert digest_of(tmp_path, PROGRAM) == digest_of(tmp_path, PROGRAM.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [("2 * x", "x + x"), ("LIMIT = 3", "LIMIT = 4"), ("x > L", "x >= L"),
     ("ValueError", "TypeError"), ("return 2 * x", "return '2 * x'")],
)  # fmt: skip
def test_everything_else_is(tmp_path: Path, old: str, new: str) -> None:
    assert digest_of(tmp_path, PROGRAM) != digest_of(tmp_path, PROGRAM.replace(old, new))


def test_a_function_alone_can_count(tmp_path: Path) -> None:
    whole = digest_of(tmp_path, PROGRAM, "code.py:double")
    assert whole == digest_of(tmp_path, PROGRAM.replace("LIMIT = 3", "LIMIT = 4"), "code.py:double")
    assert whole != digest_of(tmp_path, PROGRAM.replace("2 * x", "3 * x"), "code.py:double")


def test_lines_of_a_file_can_count(tmp_path: Path) -> None:
    pattern = "pins.txt:/^torch==/"
    one = digest_of(tmp_path, "torch==2.13.0\nclick==8\n", pattern, "pins.txt")
    assert one == digest_of(tmp_path, "torch==2.13.0\nclick==9\n", pattern, "pins.txt")
    assert one != digest_of(tmp_path, "torch==2.14.0\nclick==8\n", pattern, "pins.txt")


def test_comments_of_cpp_do_not_count_but_strings_do(tmp_path: Path) -> None:
    def of(text: str) -> str:
        return digest_of(tmp_path, text, "*.cpp", "a.cpp")

    plain = of('int x = 1; const char* s = "// no comment";\n')
    assert plain == of('int x = 1;  /* one\n */ const char* s = "// no comment";  // a string\n')
    assert plain != of('int x = 1; const char* s = "// some";\n')


def test_a_file_can_be_taken_out(tmp_path: Path) -> None:
    (tmp_path / "gpu.py").write_text("fast = True")
    patterns = ["*.py", "!gpu.py"]
    (tmp_path / "code.py").write_text(PROGRAM)
    before = code.digest(tmp_path, patterns)
    (tmp_path / "gpu.py").write_text("fast = False")
    assert code.digest(tmp_path, patterns) == before


@pytest.mark.parametrize("pattern", ["gone.py", "code.py:gone", "code.py:/^gone/"])
def test_what_has_moved_is_told(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "code.py").write_text(PROGRAM)
    with pytest.raises(FileNotFoundError, match="gone"):
        code.digest(tmp_path, [pattern])


@pytest.mark.parametrize("part", PARTS.values(), ids=lambda part: part.name)
def test_every_part_is_made_of_files_that_are_there(part: object) -> None:
    assert len(stamp.speed_hash(part)) == 64  # type: ignore[arg-type]


TEXT = """\
before

<!-- figures: one -->
stale
<!-- end -->

between

    # figures: two
    # end
after
"""


def test_only_what_is_between_markers_is_written() -> None:
    fresh = rendered(TEXT, lambda name: f"| {name} |\nfresh")
    assert list(blocks_in(fresh)) == ["one", "two"]
    assert "<!-- figures: one -->\n\n| one |\nfresh\n\n<!-- end -->" in fresh
    assert "    # figures: two\n    | two |\n    fresh\n    # end\nafter\n" in fresh
    assert rendered(fresh, lambda name: f"| {name} |\nfresh") == fresh
    assert rendered(fresh, {"one": "stale", "two": ""}.__getitem__).startswith("before\n\n<!--")


@pytest.mark.parametrize(
    "text",
    [
        "<!-- figures: one -->\n",
        "<!-- end -->\n",
        "<!-- figures: one -->\n<!-- figures: two -->\n<!-- end -->\n",
        "<!-- figures: one -->\n<!-- end -->\n<!-- figures: one -->\n<!-- end -->\n",
    ],
)
def test_markers_that_make_no_block_are_refused(text: str) -> None:
    with pytest.raises(BlockError, match=r"page\.md"):
        rendered(text, str, "page.md")


def test_a_footer_names_commit_machine_day_and_command() -> None:
    one = stamp.Stamp(
        "0123456789", "2026-11-30", "python benchmarks/stages.py --rounds 9", "", "2.13.0", HOST,
        600.0, None,
    )  # fmt: skip
    assert one.footer == (
        "Measured at commit 0123456789 on two cores of an AMD EPYC (Zen 4), 2026-11-30, "
        "torch 2.13.0: `python benchmarks/stages.py --rounds 9`."
    )


@pytest.mark.parametrize(
    ("family", "model", "name"),
    [(25, 17, "Zen 4"), (25, 1, "Zen 3"), (26, 2, "Zen 5"), (23, 49, "Zen"), (99, 1, "")],
)
def test_an_architecture_is_told_by_family_and_model(
    tmp_path: Path, family: int, model: int, name: str
) -> None:
    told = f"vendor_id\t: AuthenticAMD\ncpu family\t: {family}\nmodel\t\t: {model}\n"
    (tmp_path / "cpuinfo").write_text(told)
    assert architecture(tmp_path / "cpuinfo") == name
    (tmp_path / "cpuinfo").write_text(told.replace("AuthenticAMD", "GenuineIntel"))
    assert architecture(tmp_path / "cpuinfo") == ""


def test_stamps_are_kept(tmp_path: Path) -> None:
    one = stamp.Stamp(
        "0123456789", "2026-11-30", "workshop demo", "f" * 64, "2.13.0", HOST, 600.0,
        "2 other processes", ("gpt-fast: no checkout",),
    )  # fmt: skip
    stamp.write({"demo": one}, tmp_path / "stamp.json")
    assert stamp.read(tmp_path / "stamp.json") == {"demo": one}
    assert "while other processes used it" in one.footer
    assert one.footer.endswith("Left out: gpt-fast: no checkout.")


def test_a_part_is_stale_until_it_is_measured_and_when_its_code_changes() -> None:
    part = PARTS["reading"]
    assert stamp.stale([part], {}) == ["reading"]
    made = stamp.Stamp("", "", "", stamp.speed_hash(part), "", HOST, 1.0, None)
    assert stamp.stale([part], {"reading": made}) == []
    other = stamp.Stamp("", "", "", "0" * 64, "", HOST, 1.0, None)
    assert stamp.stale([part], {"reading": other}) == ["reading"]


def test_peers_that_are_not_here_are_left_out_and_told(tmp_path: Path) -> None:
    without = parts_here({})["peers"]
    assert "gpt-fast: GPT_FAST names no checkout of it" in without.left_out
    assert "--gpt-fast" not in without.arguments
    there = parts_here({GPT_FAST: str(tmp_path)})["peers"]
    assert there.arguments[-2:] == ("--gpt-fast", str(tmp_path))


def test_what_is_changed_and_not_committed_is_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def git(*asked: str) -> str:
        return "0123456789" if asked[0] == "rev-parse" else " M workshop/record/readers/ours.py"

    monkeypatch.setattr("quoted.measuring.git", git)
    with pytest.raises(MeasuringError, match=r"workshop/record/readers/ours\.py: changed"):
        commit_of(PARTS["reading"], changed=False)
    assert commit_of(PARTS["reading"], changed=True) == "0123456789+"


@pytest.mark.parametrize("part", PARTS.values(), ids=lambda part: part.name)
def test_every_part_has_a_commit(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*asked: str) -> str:
        return "" if asked[0] == "status" else "0123456789"

    monkeypatch.setattr("quoted.measuring.git", git)
    assert commit_of(part, changed=False) == "0123456789"


def test_what_was_not_measured_is_not_written(tmp_path: Path) -> None:
    stored = Stored(tmp_path, tmp_path)
    with pytest.raises(RenderingError, match="measure --only stages"):
        stored.part("stages")
    with pytest.raises(RenderingError, match=r"job-baseline\.out"):
        _ = stored.demo


def test_numbers_have_three_digits_that_mean_something() -> None:
    told = [words.digits(value) for value in (0.01934, 3.4144, 24.06, 1429.7)]
    assert told == ["0.0193", "3.41", "24.1", "1430"]
    assert words.table(("a", "b|c"), [(1, "x")]) == "| a | b\\|c |\n|---|---|\n| 1 | x |"
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
