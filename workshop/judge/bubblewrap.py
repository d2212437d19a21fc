"""The words to put before a command so that bubblewrap runs it in namespaces of its own."""

from __future__ import annotations

from pathlib import Path

from workshop.judge.places import PACKAGE, hidden, needed, shown

HOME = Path("/participant")  # in memory, of a bounded size, and the only place to write to
SHARED = Path("/dev/shm")
HOME_BYTES = 256 * 10**6
SHARED_BYTES = 64 * 10**6


def words() -> list[str]:
    """Of the host a run gets nothing but what ``places`` lists, and that read-only."""
    said = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    said += ["--hostname", "workshop", "--proc", "/proc", "--dev", "/dev"]
    said += ["--size", str(SHARED_BYTES), "--tmpfs", str(SHARED), "--remount-ro", "/dev"]
    places = needed()
    for place in map(str, places):
        said += ["--ro-bind-try", place, place]
    over = list(dict.fromkeys([PACKAGE, *(one for place in places for one in hidden(place))]))
    for place in map(str, over):
        said += ["--tmpfs", place]
    for place in map(str, shown()):
        said += ["--ro-bind", place, place]
    for place in map(str, over):
        said += ["--remount-ro", place]
    said += ["--size", str(HOME_BYTES), "--tmpfs", str(HOME), "--chdir", str(HOME)]
    if not any(Path("/tmp") in place.parents for place in places):  # else it is there, to be read
        said += ["--symlink", str(HOME), "/tmp"]
    return [*said, "--remount-ro", "/", "--"]
