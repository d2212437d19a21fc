"""How learning management systems name what people handed in.

    Moodle      NAME_1234567_assignsubmission_file_/FILE, or all in one folder, ..._file_FILE;
                the number is the worksheet's Identifier, NAME is "Participant" if marked blindly
                https://github.com/moodle/moodle/blob/main/public/mod/assign/classes/downloader.php
    Canvas      lovelaceada_LATE_USER_ATTACHMENT_FILE: the last name first, run together
                https://github.com/instructure/canvas-lms/blob/master/lib/content_zipper.rb
    nbgrader    ID+ASSIGNMENT+TIMESTAMP+RANDOM in an exchange's inbound folder
                https://github.com/jupyter/nbgrader/blob/main/nbgrader/exchange/default/submit.py
    Gradescope  submission_N/..., and submission_metadata.yml that says whose; seen in
                https://github.com/ucbds-infra/otter-grader (a sample in its tests)

Moodle and Canvas write no time: the time of a file is that of the download, and says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from workshop.grading.intake.handed_in import in_stamp
from workshop.grading.intake.matching import Clue

GRADESCOPE = "submission_metadata.yml"
_DEEPEST = 50  # lists in lists
_LONGEST = 300  # characters of a name or an id
_MOST_METADATA = 32 * 1024 * 1024  # bytes of it that are read

_MOODLE = re.compile(
    r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<file>.*))?"
)
_CANVAS = re.compile(
    # Three digits at least: ada_2026_11_20.zip is a date.
    r"(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d+|[A-Za-z0-9]{5})_(?P<attachment>\d{3,})_(?P<file>.+)"
)
_INBOUND = re.compile(r"(?P<id>[^+]+)\+(?P<assignment>[^+]+)\+(?P<time>[^+]+)(?:\+[\w=-]+)?")


@dataclass(frozen=True)
class Named:
    """What a name in a download says.

    Attributes:
        lms: whose way of naming it is.
        person: the same for all that is of one person.
        file: what the participant called it; '' of a folder.
        late: that the system marks it as late, without saying by how much.
    """

    lms: str
    person: str
    clues: tuple[Clue, ...]
    file: str = ""
    late: bool = False
    when: datetime | None = None


def named(name: str, tz: tzinfo | None) -> Named | None:
    """What a file or folder in a download is called after; None where it is nobody's way."""
    if found := _MOODLE.fullmatch(name):
        clues = (Clue("id", found["number"]), Clue("name", found["name"]))
        person = f"{found['name']}_{found['number']}"
        return Named("Moodle", person, clues, found["file"] or "")
    if (found := _INBOUND.fullmatch(name)) and (when := in_stamp(found["time"], tz)):
        return Named("nbgrader", name, (Clue("id", found["id"]),), "", False, when)
    if found := _CANVAS.fullmatch(name):
        anonymous = found["name"] == "anon"
        if not anonymous and not found["user"].isdigit():
            return None
        by_name = () if anonymous else (Clue("name", found["name"]),)
        person = f"{found['name']}_{found['user']}"
        clues = (Clue("id", found["user"]), *by_name)
        return Named("Canvas", person, clues, found["file"], found["late"] is not None)
    return None


class Submitter(msgspec.Struct, frozen=True):
    """One of those who handed in together."""

    name: str = msgspec.field(name=":name", default="")
    email: str = msgspec.field(name=":email", default="")
    sid: str = msgspec.field(name=":sid", default="")

    @property
    def clues(self) -> tuple[Clue, ...]:
        clues = (Clue("id", self.sid), Clue("email", self.email), Clue("name", self.name))
        return tuple(clue for clue in clues if 0 < len(clue.text) <= _LONGEST)


class Submission(msgspec.Struct, frozen=True):
    """What Gradescope says of one folder of its export."""

    submitters: list[Submitter] = msgspec.field(name=":submitters", default=[])
    created_at: str = msgspec.field(name=":created_at", default="")


class MetadataError(ValueError):
    """submission_metadata.yml that cannot be understood."""


def read_metadata(raw: bytes) -> dict[str, Submission]:
    """Gradescope's submissions by their folders; raises MetadataError.

    Every scalar is read as text: an id that looks like an octal number is an id, and no value can
    become an object.
    """
    import yaml

    if len(raw) > _MOST_METADATA:
        raise MetadataError("it is too large")
    try:
        loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
        depth = 0
        for event in yaml.parse(raw, Loader=loader):  # what is deep ends a process that builds it
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise MetadataError("it is nested too deep")
        content: Any = yaml.load(raw, Loader=loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise MetadataError(str(error).split("\n")[0]) from None
    if not isinstance(content, dict):
        raise MetadataError("it is no list of submissions")
    read = {}
    for name, one in content.items():
        try:
            read[str(name)] = msgspec.convert(one, Submission)
        except msgspec.ValidationError:
            read[str(name)] = Submission()  # nobody's, but handed in
    return read
