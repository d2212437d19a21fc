"""Submissions: from whatever a teacher has, to one folder for each attempt, and whose it is.

Nothing is lost: each folder and archive becomes an attempt, of somebody on the roster or of
somebody unknown, or is told of in the remarks. Nothing of it is run, no link is followed, and all
bytes are copies: what participants can still change, or what they put beside it, plays no part.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path, PurePosixPath

from workshop.grading.intake import folder, moodle
from workshop.grading.intake.archive import is_foreign, stem_of, suffix_of, unpack
from workshop.grading.intake.arrange import arrange, proper, with_whole_folders
from workshop.grading.intake.attempts import (
    LONGEST_PATH,
    Attempt,
    Gathered,
    beside_their_own,
    digest_of,
    numbered,
)
from workshop.grading.intake.handed_in import TIME, HandedIn, by_clock, in_words
from workshop.grading.intake.layouts import (
    Entries,
    Entry,
    Part,
    Sight,
    entries_of,
    entry_of,
    is_one_persons,
)
from workshop.grading.intake.left_out import LeftOut, Reason, shown
from workshop.grading.intake.matching import Match, Register
from workshop.grading.intake.roster import Roster
from workshop.grading.intake.tree import FULL, MIB, Bounds, FullError, RoomError, Tree
from workshop.grading.records import Finding, Participant
from workshop.learn.answers import MOST_BYTES
from workshop.learn.exercise import ANSWERS, CODE
from workshop.learn.exercise import exercises as all_exercises
from workshop.util.errors import UsageError

__all__ = ["Attempt", "Gathered", "gather"]

# One archive of all: as large as a class, each file as large as a participant's archive may be.
OF_ALL = Bounds(
    total=16 * 1024 * MIB, file=512 * MIB, files=400_000, entries=400_000, seconds=1800.0
)
_MOST_CODE = MIB
_LARGE_ANSWERS = Reason("doubt", f"answers of more than {MOST_BYTES // 1000} kB are none")
_LARGE_CODE = Reason("doubt", "code of more than 1 MiB was not written by hand")
_NESTED = 2  # folders down to which an archive in a submission is unpacked


def gather(
    paths: Sequence[Path],
    roster: Roster,
    into: Path,
    tz: tzinfo | None = None,
    exercises: Collection[str] | None = None,
) -> Gathered:
    """Bring submissions into ``into``, a folder of each attempt.

    Args:
        paths: folders and archives, of one person or of many.
        into: an empty folder that nobody else may read.
        tz: of times that come without a zone; None is this machine's.
        exercises: names of those that there are; None takes the toolkit's.

    Raises:
        UsageError: a path that is not there, or no room in ``into``.
    """
    sight = Sight(Register(roster), exercises or list(all_exercises()), tz)
    attempts: list[Attempt] = []
    of_all: set[Path] = set()  # folders of attempts that came in an archive of all
    remarks: list[Finding] = []
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in _different(paths, remarks):
            with tempfile.TemporaryDirectory(dir=into, prefix=".opened-") as opened:
                entries = _opened(path, sight, Path(opened))
                remarks += entries.remarks
                came = [
                    one
                    for entry in entries.found
                    if not _is_empty(entry, sight, remarks)
                    for one in [_attempt(entry, sight, into, Path(opened))]
                ]
                attempts += came
                if any(Path(opened).iterdir()) and path not in (one.source for one in came):
                    of_all |= {one.folder for one in came}
    except RoomError as error:
        raise UsageError(f"no room for the submissions: {error}; make some and repeat") from None
    except OSError as error:
        where = error.filename or into
        raise UsageError(f"{where}: {error.strerror}; fix this and repeat the command") from None
    return Gathered(numbered(beside_their_own(attempts, of_all)), remarks)


def _different(paths: Sequence[Path], remarks: list[Finding]) -> Iterator[Path]:
    """The paths, each once; raises UsageError for one that is not there."""
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise UsageError(f"there is no {', no '.join(missing)}: name folders and archives")
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            remarks.append(Finding("note", str(path), "this was named twice, and is taken once"))
        else:
            seen.add(path.resolve())
            yield path


def _opened(path: Path, sight: Sight, place: Path) -> Entries:
    """What a path that a teacher named holds: one person's submission, or those of many."""
    whole = path.resolve()
    entry = entry_of(whole, path, sight)
    match = sight.register.find(entry.clues)
    if (match.participant and not match.doubt) or entry.clues[0].kind != "text":
        return Entries([entry])
    if whole.is_dir():
        return Entries([entry]) if is_one_persons(whole, sight) else entries_of(whole, path, sight)
    if not (suffix_of(path.name) or is_foreign(path.name)):
        return Entries([], [Finding("doubt", str(path), "this is no folder and no archive")])
    tree = Tree(place, LeftOut(str(path)), OF_ALL)
    try:
        unpack(whole, tree)
    except FullError:
        tree.left_out.tell(FULL, path.name)
    if not tree.taken or is_one_persons(place, sight):
        return Entries([entry])
    inside = entries_of(place, path, sight)
    if len(inside.found) < 2 and not inside.download and not any(map(sight.known, inside.found)):
        return Entries([entry])  # somebody's work in a folder, or anything, but no class
    return replace(inside, remarks=tree.left_out.findings() + inside.remarks)


def _attempt(entry: Entry, sight: Sight, into: Path, opened: Path) -> Attempt:
    """Copy, unpack and arrange what one person handed in; not numbered yet."""
    match = sight.register.find(entry.clues)
    participant = match.participant or Participant(f"unknown: {shown(entry.called)}")
    with tempfile.TemporaryDirectory(dir=into, prefix=".arriving-") as arriving:
        tree = Tree(Path(arriving), LeftOut(""))
        _collect(entry.parts, tree)
        _keep_out_what_is_too_large(tree)
        handed_in = _worksheet(match.participant, sight.tz) if _no_time(entry) else entry.handed_in
        handed_in = handed_in or entry.handed_in or _by_clock(entry.parts, tree, opened, sight.tz)
        called = f"{entry.called} {' '.join(part.name for part in entry.parts)}"
        arranged = arrange(tree.files, sight.exercises, called, "")
        final = Path(tempfile.mkdtemp(dir=into, prefix="attempt-"))
        for old, new in with_whole_folders(arranged.moves, tree.files).items():
            (final / new).parent.mkdir(parents=True, exist_ok=True)
            os.rename(tree.root / old, final / new)
    when = handed_in.when.isoformat(" ", "seconds") if handed_in.when else "unknown"
    remarks = [
        *_about_match(match, entry),
        *entry.remarks,
        *(_about_status(match.participant) if _no_time(entry) else []),
        *tree.left_out.findings(),
        *arranged.remarks,
        Finding("note", "", f"{TIME}{when}", {"told by": handed_in.how}),
    ]
    known = match.participant is not None
    source = Path(shown(str(entry.source), LONGEST_PATH))
    return Attempt(participant, known, 0, handed_in.when, source, final, digest_of(final), remarks)


def _is_empty(entry: Entry, sight: Sight, remarks: list[Finding]) -> bool:
    """Whether it is a folder without any file: then nothing was handed in, which is told."""
    if not entry.parts or not all(folder.is_empty(part.path) for part in entry.parts):
        return False
    match = sight.register.find(entry.clues)
    whose = shown(match.participant.id) if match.participant else shown(entry.called)
    sentence = f"{whose}: the folder is empty, so nothing was handed in"
    remarks.append(Finding("note", shown(str(entry.source), LONGEST_PATH), sentence))
    return True


def _collect(parts: Sequence[Part], tree: Tree) -> None:
    """Let all parts into a tree, and what archives have archives in them, one level deep."""
    try:
        for part in parts:
            if part.path.is_file() and (suffix_of(part.name) or is_foreign(part.name)):
                alone = len(parts) == 1
                unpack(part.path, tree, PurePosixPath("" if alone else stem_of(part.name)))
            else:
                folder.copy(part.path, tree, name=part.name)
        for path in tree.files:
            if suffix_of(path.name) and len(path.parts) <= _NESTED:
                unpack(tree.root / path, tree, path.parent / stem_of(path.name))
                tree.drop(path)
    except FullError:
        tree.left_out.tell(FULL, "the rest of it")


def _keep_out_what_is_too_large(tree: Tree) -> None:
    """Answers and code have a size that people write; beyond it nobody reads them."""
    for path in tree.files:
        size = (tree.root / path).stat().st_size
        name = proper(path.name)
        if name == ANSWERS and size > MOST_BYTES:
            tree.left_out.tell(_LARGE_ANSWERS, str(path))
        elif name == CODE and size > _MOST_CODE:
            tree.left_out.tell(_LARGE_CODE, str(path))
        else:
            continue
        tree.drop(path)


# When


def _no_time(entry: Entry) -> bool:
    return entry.handed_in is not None and entry.handed_in.when is None


def _worksheet(participant: Participant | None, tz: tzinfo | None) -> HandedIn | None:
    """What Moodle's worksheet says, where that is the roster: its download says nothing."""
    text = moodle.submitted(participant) if participant else ""
    if not text:
        return None
    when = in_words(text, tz)
    unread = f"the worksheet has a time in no form that is known: {shown(text)}"
    return HandedIn(when, "the worksheet's last modification" if when else unread)


def _about_status(participant: Participant | None) -> list[Finding]:
    """What Moodle's worksheet says of a submission beside its time: late, a draft, an extension."""
    status = moodle.telling_status(participant) if participant else ""
    return [Finding("note", "", f"Moodle's worksheet says: {shown(status, 200)}")] if status else []


def _by_clock(parts: Sequence[Part], tree: Tree, opened: Path, tz: tzinfo | None) -> HandedIn:
    """The time of an archive's own file; of a folder, that of the newest file in it."""
    archives = [part.path for part in parts if part.path.is_file()]
    files = archives or [tree.root / path for path in tree.files]
    seconds = max((path.lstat().st_mtime for path in files), default=None)
    if seconds is None:
        return HandedIn(None, "nothing tells")
    how = "the time of its file" if archives else "the newest file in it"
    if any((part.path / ".git").exists() for part in parts):
        how += "; its Git history is not looked into"
    if any(part.path.is_relative_to(opened) for part in parts):
        how += ", as the archive of all has it"
    return HandedIn(by_clock(seconds, tz), how)


# Whose


def _about_match(match: Match, entry: Entry) -> list[Finding]:
    called = {"called": shown(entry.called)}
    if match.participant is not None:
        who = f"{shown(match.participant.name)} ({shown(match.participant.id)})"
        sentence = f"it was taken for that of {who}: {match.doubt}"
        return [Finding("doubt", "", sentence, called)] if match.doubt else []
    if match.several:
        who = ", ".join(f"{shown(one.name)} ({shown(one.id)})" for one in match.several[:5])
        sentence = f"whose it is was not guessed: it may be that of {who}"
        return [Finding("doubt", "", sentence, called)]
    return [Finding("doubt", "", "nobody on the roster is called so: graded as unknown", called)]
