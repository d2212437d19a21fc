"""When something was handed in, as far as anything tells, and what it was that told.

A time without a zone is one of the zone given; where none is, of this machine's.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

_IN_NAME = re.compile(
    r"(?<!\d)(20\d\d)-?(\d\d)-?(\d\d)[T_ -]{1,3}(\d\d)[:.h_-]?(\d\d)(?:[:.m_-]?(\d\d))?"
    r"(Z|[+-]\d\d:?\d\d)?(?!\d)"
)
_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?\s*"
    r"(Z|[+-]\d\d:?\d\d|[A-Za-z][\w/+-]*)?"
)
_CLOCK = r"(?:,| um| at)?\s(?P<hour>\d{1,2}):(?P<minute>\d\d)(?:\s?(?P<half>[AaPp])\.?[Mm])?"
_MONTH = r"(?P<month>[^\W\d_]{3,20})\.?"
_SPOKEN = (
    re.compile(rf"(?P<day>\d{{1,2}})\.?\s{_MONTH}\s(?P<year>\d{{4}}){_CLOCK}"),
    re.compile(rf"\b{_MONTH}\s(?P<day>\d{{1,2}}),?\s(?P<year>\d{{4}}){_CLOCK}"),  # American
)
TIME = "time handed in: "  # what the remark with the time begins with
_LONGEST = 200  # characters of a date in words
_MONTHS = {  # by their first letters, in English and German
    **{"jan": 1, "jän": 1, "feb": 2, "mar": 3, "mär": 3, "apr": 4, "may": 5, "mai": 5, "jun": 6},
    **{"jul": 7, "aug": 8, "sep": 9, "oct": 10, "okt": 10, "nov": 11, "dec": 12, "dez": 12},
}


@dataclass(frozen=True)
class HandedIn:
    """When something was handed in.

    Attributes:
        when: with its zone; None where nothing tells.
        how: what told, or why nothing does, to stand after 'by'.
    """

    when: datetime | None
    how: str


def in_name(text: str, tz: tzinfo | None) -> datetime | None:
    """A date with a time of day in a file's name: 2026-11-20T23-58, 20261120_235800.

    The last one, where there are several: an id may begin with a year, too.
    """
    moments = []
    for start in range(len(text)):
        if found := _IN_NAME.match(text, start):
            *numbers, zone = found.groups()
            moments.append(_moment([int(number or 0) for number in numbers], zone, tz))
    return next((moment for moment in reversed(moments) if moment), None)


def in_stamp(text: str, tz: tzinfo | None) -> datetime | None:
    """What nbgrader and Gradescope write: 2026-11-20 23:58:01.948203 UTC, a zone's name, an offset.

    https://github.com/jupyter/nbgrader/blob/main/nbgrader/exchange/abc/exchange.py
    """
    found = _STAMP.fullmatch(text.strip())
    if found is None:
        return None
    day, time, zone = found.groups()
    numbers = [int(number) for number in (*day.split("-"), *time.split(":"))]
    return _moment(numbers, zone, tz)


def in_words(text: str, tz: tzinfo | None) -> datetime | None:
    """What Moodle writes in a worksheet, in its English, American and German formats.

    'Friday, 20 November 2026, 11:58 PM', 'Friday, November 20, 2026, 11:58 PM', 'Freitag, 20.
    November 2026, 23:58': strftimedaydatetime of langconfig, which Moodle's userdate() takes.
    """
    found = next((match for one in _SPOKEN if (match := one.search(text[:_LONGEST]))), None)
    if found is None:
        return None
    number = _MONTHS.get(found["month"][:3].casefold())
    if number is None:
        return None
    hour, half = int(found["hour"]), found["half"]
    hours = hour % 12 + (12 if half in "Pp" else 0) if half else hour
    numbers = [int(found["year"]), number, int(found["day"]), hours, int(found["minute"])]
    return _moment(numbers, None, tz)


def by_clock(seconds: float, tz: tzinfo | None) -> datetime | None:
    """A file's time of modification, in seconds since 1970."""
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone(tz)
    except (ValueError, OverflowError, OSError):
        return None


def _moment(numbers: list[int], zone: str | None, tz: tzinfo | None) -> datetime | None:
    try:
        year, month, day, hour, minute, second = [*numbers, 0, 0, 0][:6]
        naive = datetime(year, month, day, hour, minute, second)
        if zone:
            return naive.replace(tzinfo=_zone(zone))
        return naive.replace(tzinfo=tz) if tz else naive.astimezone()
    except (ValueError, TypeError, OverflowError):
        return None


def _zone(name: str) -> tzinfo:
    """The zone of that name; raises ValueError for one that is not known."""
    if name in ("Z", "UTC", "GMT"):
        return UTC
    if name[0] in "+-":
        return datetime.strptime(name, "%z").tzinfo or UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"no zone is called {name}") from error
