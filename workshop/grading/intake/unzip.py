"""Zip archives: their plain files, as far as they can be read.

https://docs.python.org/3/library/zipfile.html#decompression-pitfalls
https://www.bamsoftware.com/hacks/zipbomb/    entries that share their bytes
"""

from __future__ import annotations

import stat
import time
import zipfile
from pathlib import PurePosixPath

from workshop.grading.intake.guarded import Guarded, is_small_junk
from workshop.grading.intake.left_out import Reason
from workshop.grading.intake.tree import BROKEN, LINK, MIB, SPECIAL, FullError, RoomError, Tree

ENCRYPTED = Reason("doubt", "it is encrypted: ask for it without a password")
OVERLAPPING = Reason("doubt", "it shares its bytes with other files: a bomb")
NO_LIST = Reason("doubt", "as a zip archive it is damaged or cut off: ask for it again")
METHOD = Reason("doubt", "it is compressed in a way that is not read here: only stored and deflate")


def unzip(file: Guarded, tree: Tree, below: PurePosixPath) -> None:
    """Take the plain files of a zip archive.

    Raises:
        zipfile.BadZipFile: its list of files is cut off or damaged; then nothing is taken.
        FullError, RoomError: as Tree.take.
    """
    file.most = 200 * tree.bounds.entries  # the directory is read in one piece
    try:
        archive = zipfile.ZipFile(file)
    except FullError:
        raise
    except Exception as error:  # whatever its list of files, at its end, trips the parser over
        raise zipfile.BadZipFile(str(error)) from error
    file.most = MIB
    with archive:
        entries = archive.infolist()
        sharing = overlapping(entries)
        for entry in entries:
            name = _name(entry)
            if entry.is_dir() or is_small_junk(name, entry.file_size):
                continue
            tree.look()
            why = _refused(entry) or (OVERLAPPING if entry.header_offset in sharing else None)
            if why is not None:
                tree.left_out.tell(why, name)
                continue
            try:
                with archive.open(entry) as content:
                    tree.take(
                        name,
                        content.read,
                        below=below,
                        packed=entry.compress_size,
                        modified=_zip_time(entry),
                    )
            except (FullError, RoomError):
                raise
            except Exception:  # a wrong checksum, a header that contradicts the directory
                tree.left_out.tell(BROKEN, name)


def overlapping(entries: list[zipfile.ZipInfo]) -> set[int]:
    """Offsets of entries whose bytes are another's as well; no honest archive has any."""
    sharing: set[int] = set()
    furthest, owner = 0, -1
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < furthest:
            sharing |= {entry.header_offset, owner}
        end = entry.header_offset + 30 + entry.compress_size
        if end > furthest:
            furthest, owner = end, entry.header_offset
    return sharing


def _refused(entry: zipfile.ZipInfo) -> Reason | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if stat.S_ISLNK(kind):
        return LINK
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return SPECIAL
    if entry.flag_bits & 0x41:  # encrypted, strongly encrypted
        return ENCRYPTED
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return METHOD  # the others would be decompressed in pieces of any size
    return None


def _name(entry: zipfile.ZipInfo) -> str:
    """The name in UTF-8 where the archive has it so without saying so, as macOS writes it."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


def _zip_time(entry: zipfile.ZipInfo) -> float | None:
    """Seconds since 1970; the archive says no zone: it is taken for this machine's."""
    try:
        return time.mktime((*entry.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return None
