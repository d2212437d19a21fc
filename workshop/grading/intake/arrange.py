"""One person's files, however they lie, brought to one layout.

    FOLDER/<exercise>/exercise.py, answers.toml and what lies beside them
    FOLDER/.../*.out, *.log         job logs, where they lay

Understood are a working copy as ``workshop init`` makes it, exercises some folders deeper, a lone
folder of an exercise, files named after exercises (napkin.py, napkin-answers.toml), and names that
browsers changed ("exercise (1).py"). What fits nothing is told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from workshop.grading.intake.archive import is_foreign, suffix_of
from workshop.grading.intake.left_out import LeftOut, Reason
from workshop.grading.records import Finding
from workshop.learn.exercise import ANSWERS, CODE

LOGS = (".out", ".log")
# Of a working copy, of a download, of nbgrader: nothing that anybody would miss.
_EXPECTED = (
    *("readme.md", "workshop.toml", "handed-out.json", "progress.json"),
    *(".gitignore", ".gitattributes", ".gitkeep"),
)
_STAMPS = ("timestamp.txt", "submission_secret.txt")  # nbgrader's: of the way it came, not of it
_COPY = re.compile(r"( ?\(\d+\)|[ -]\d{1,2}| - copy| - kopie)$", re.IGNORECASE)

UNPLACED = Reason("note", "it belongs to no exercise and is no job's log")
NO_EXERCISE = Reason(
    "doubt", "nothing tells which exercise it is of: its folder should have the name"
)
TWICE = Reason("doubt", "there is one of that exercise already, nearer to the top")
STILL_PACKED = Reason("doubt", "an archive in an archive in an archive is not unpacked")
FOREIGN = Reason("doubt", "its kind of archive is not read here: ask for a zip")
A_FOLDER = "{} is a folder, and one file is graded: the code belongs into {}"
NOTHING = "nothing of what was handed in is an exercise's or a job's log"


@dataclass
class Arranged:
    """Where each file goes.

    Attributes:
        moves: from where it lies, below the tree, to where it goes.
        remarks: what was taken for what.
    """

    left_out: LeftOut
    moves: dict[PurePosixPath, PurePosixPath] = field(default_factory=dict)
    remarks: list[Finding] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)

    def place(self, source: PurePosixPath, target: PurePosixPath) -> bool:
        """Let a file go somewhere; False where another one has."""
        name = str(target).casefold()
        if name in self._taken:
            return False
        self._taken.add(name)
        self.moves[source] = target
        return True

    def has(self, target: PurePosixPath) -> bool:
        return str(target).casefold() in self._taken


def arrange(
    files: list[PurePosixPath], exercises: Collection[str], called: str, about: str
) -> Arranged:
    """Bring files to the layout.

    Args:
        files: relative to the tree that they lie in.
        exercises: names of those that there are.
        called: what the archive or folder is called, which may tell the exercise.
        about: what findings are about.
    """
    files = [file for file in files if file.name not in _STAMPS]
    arranged = Arranged(LeftOut(about))
    homes = _homes(files, exercises)
    at_home = dict(_at_home(files, homes))
    for file, (exercise, inside) in sorted(at_home.items(), key=lambda one: _plainness(one[0])):
        name = inside.with_name(proper(inside.name)) if len(inside.parts) == 1 else inside
        if not arranged.place(file, exercise / name):
            arranged.place(file, exercise / inside)
    elsewhere = _below_exercises(files, exercises)
    top = _wrapper(files, homes)
    for file in sorted(set(files) - set(at_home), key=_plainness):
        _loose(file, file in elsewhere, exercises, called, top, arranged)
    arranged.remarks += [
        Finding("doubt", about, A_FOLDER.format(place, place.with_name(CODE)))
        for place in packages(files, arranged.moves)
    ]
    if not arranged.moves:
        arranged.remarks.append(Finding("doubt", about, NOTHING))
    arranged.remarks += arranged.left_out.findings()
    return arranged


def packages(
    files: Collection[PurePosixPath], moves: Mapping[PurePosixPath, PurePosixPath]
) -> list[PurePosixPath]:
    """Folders with code in them that stand where an exercise's one file should.

    A folder named so that only wraps others' exercises is none.
    """
    taken = {file for file, target in moves.items() if target.name == CODE}
    code = {file.parent for file in files if proper(file.name) == CODE}
    found = {
        folder
        for file in files
        if file.suffix == ".py"
        for folder in file.parents
        if folder.name.casefold().removesuffix(".py") == CODE.removesuffix(".py")
    }
    return sorted(
        folder
        for folder in found
        if folder.parent not in code and not any(one.is_relative_to(folder) for one in taken)
    )


def with_whole_folders(
    moves: Mapping[PurePosixPath, PurePosixPath], files: Collection[PurePosixPath]
) -> dict[PurePosixPath, PurePosixPath]:
    """The same moves, but in one step where a folder goes as it is: ten steps for a hundred files.

    Args:
        files: all that there are; a folder of which some stay is none that goes.
    """
    below = Counter(folder for file in files for folder in file.parents)
    by_top: dict[PurePosixPath, dict[PurePosixPath, PurePosixPath]] = {}
    for old, new in moves.items():
        by_top.setdefault(PurePosixPath(new.parts[0]), {})[old] = new
    steps: dict[PurePosixPath, PurePosixPath] = {}
    for top, those in by_top.items():
        old, new = next(iter(those.items()))
        folder = PurePosixPath(*old.parts[: len(old.parts) - len(new.parts) + 1])
        as_it_is = all(o.parts == (*folder.parts, *n.parts[1:]) for o, n in those.items())
        whole = folder.parts and as_it_is and below[folder] == len(those) and new != top
        steps |= {folder: top} if whole else those
    return steps


def known_as(name: str, exercises: Collection[str]) -> str | None:
    """The exercise that a folder or a stem is named after: 'First_Run' is first-run."""
    plain = re.sub(r"[\s_]+", "-", name.strip().casefold())
    return plain if plain in exercises else None


def _homes(files: list[PurePosixPath], exercises: Collection[str]) -> dict[str, PurePosixPath]:
    """The folder of each exercise: with its code or answers in it, and nearest to the top."""
    found: dict[str, dict[PurePosixPath, bool]] = {}
    for file in files:
        for depth, part in enumerate(file.parts[:-1], 1):
            exercise = known_as(part, exercises)
            if exercise is not None:
                place = PurePosixPath(*file.parts[:depth])
                is_whole = depth == len(file.parts) - 1 and proper(file.name) in (CODE, ANSWERS)
                places = found.setdefault(exercise, {})
                places[place] = places.get(place, False) or is_whole
    return {
        exercise: min(places, key=lambda place: (not places[place], len(place.parts), str(place)))
        for exercise, places in found.items()
    }


def _at_home(
    files: list[PurePosixPath], homes: dict[str, PurePosixPath]
) -> Iterator[tuple[PurePosixPath, tuple[PurePosixPath, PurePosixPath]]]:
    """Files in exercises' folders, each in the innermost: (exercise, path in it)."""
    by_place = {place: exercise for exercise, place in homes.items()}
    for file in files:
        place = next((parent for parent in file.parents if parent in by_place), None)
        if place is not None:
            yield file, (PurePosixPath(by_place[place]), file.relative_to(place))


def _below_exercises(files: list[PurePosixPath], exercises: Collection[str]) -> set[PurePosixPath]:
    """Files in a folder named after an exercise; not all of them are the one that counts."""
    return {f for f in files if any(known_as(part, exercises) for part in f.parts[:-1])}


def _loose(
    file: PurePosixPath,
    twice: bool,
    exercises: Collection[str],
    called: str,
    top: PurePosixPath,
    arranged: Arranged,
) -> None:
    """Place a file that lies in no exercise's folder, or in one that does not count."""
    if file.suffix.casefold() in LOGS:
        target = file.relative_to(top) if file.is_relative_to(top) else file
        while not arranged.place(file, target):
            target = "logs" / target
        return
    if file.name.casefold() in _EXPECTED:
        return
    meant = None if twice else _named_after(file, exercises)
    if meant is None and not twice and proper(file.name) in (CODE, ANSWERS):
        exercise = _hinted(file, called, exercises)
        if exercise is None:
            arranged.left_out.tell(NO_EXERCISE, str(file))
            return
        meant = PurePosixPath(exercise, proper(file.name))
        sentence = f"{file.name} was taken for {exercise}'s: its folder does not say so"
        if not arranged.has(meant):
            arranged.remarks.append(Finding("note", str(file), sentence))
    if meant is not None and arranged.place(file, meant):
        return
    if meant is not None or (twice and proper(file.name) in (CODE, ANSWERS)):
        arranged.left_out.tell(TWICE, str(file))
    elif suffix_of(file.name):
        arranged.left_out.tell(STILL_PACKED, str(file))
    elif is_foreign(file.name):
        arranged.left_out.tell(FOREIGN, str(file))
    else:
        arranged.left_out.tell(UNPLACED, str(file))


def _named_after(file: PurePosixPath, exercises: Collection[str]) -> PurePosixPath | None:
    """napkin.py, napkin_answers.toml, exercise-napkin.py: which file of which exercise it is."""
    name = {".py": CODE, ".toml": ANSWERS}.get(file.suffix.casefold())
    if name is None:
        return None
    stem = _COPY.sub("", file.stem)
    word = "(?:exercise|answers|solution)"
    bare = re.sub(rf"^{word}[\s_-]+|[\s_-]+{word}$", "", stem, flags=re.IGNORECASE)
    exercise = known_as(stem, exercises) or known_as(bare, exercises)
    return PurePosixPath(exercise, name) if exercise else None


def _hinted(file: PurePosixPath, called: str, exercises: Collection[str]) -> str | None:
    """The one exercise whose name stands in the name of the archive or of a folder above."""
    if len(exercises) == 1:
        return next(iter(exercises))
    words = "-".join(re.findall(r"[^\W_]+", "-".join((called, *file.parts[:-1])).casefold()))
    named = [name for name in exercises if f"-{name}-" in f"-{words}-"]
    return named[0] if len(named) == 1 else None


def proper(name: str) -> str:
    """exercise.py for 'Exercise (1).py': what a browser or a system that knows no case made."""
    path = PurePosixPath(name)
    plain = f"{_COPY.sub('', path.stem)}{path.suffix}".casefold()
    return plain if plain in (CODE, ANSWERS) else name


def _plainness(file: PurePosixPath) -> tuple[int, bool, str]:
    """The order in which files are placed: near the top first, and 'exercise.py' before copies."""
    return len(file.parts), proper(file.name) != file.name, str(file)


def _wrapper(files: list[PurePosixPath], homes: dict[str, PurePosixPath]) -> PurePosixPath:
    """The folders that everything lies in, which say nothing."""
    top = PurePosixPath()
    inside = files
    while inside and all(len(file.parts) > len(top.parts) + 1 for file in inside):
        first = {file.parts[len(top.parts)] for file in inside}
        deeper = top / next(iter(first))
        if len(first) > 1 or deeper in homes.values():
            break
        top = deeper
    return top
