"""Lists the images of a zip without unpacking it, and refuses what a zip from a stranger can do.

Members are read one by one into memory, never extracted. A zip is refused as a whole, with the member named, for an
absolute path, a path with `..`, a link, a password, or sizes that no set of images has (a "zip bomb").
"""

from __future__ import annotations

import re
import stat
import zipfile
from pathlib import Path
from typing import NamedTuple

from daedal.data.names import IMAGE_SUFFIXES, is_hidden, printable, suffix
from daedal.errors import DataError

MAX_MEMBERS = 2_000_000
MAX_TOTAL = 1 << 38  # bytes unpacked: 256 GiB
MAX_RATIO = 200  # unpacked to packed, of a member over RATIO_FROM
RATIO_FROM = 1 << 20  # bytes; small files of one colour shrink more, and do no harm
MAX_BYTES = 1 << 30  # of one encoded image


class Found(NamedTuple):
    """A file with an image's suffix: its name relative to the source with '/', and what tells that it has changed."""

    name: str
    size: int  # bytes
    stamp: int  # time of modification in ns, or checksum


class Listing(NamedTuple):
    """What a folder or a zip holds, in order of names."""

    images: list[Found]
    problems: list[str]  # "NAME: REASON" of files with an image's suffix that cannot even be opened
    others: list[str]  # names of some files that are no images
    runs: int = 0  # folders that were passed over, as training wrote them


def list_zip(path: Path) -> Listing:
    """The images in a zip. Raises DataError for one that is damaged or dangerous, with the member named."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise DataError(f"'{_shown(path)}' is no whole zip file ({printable(str(error))}); copy it again.") from None
    _check_sizes(path, members)
    found: dict[str, Found] = {}  # by name: of members with one name, zipfile reads the last
    problems, others = [], []
    for member in members:
        _check_member(path, member)
        name = member.filename
        if any(map(is_hidden, inner(name).split("/"))):
            continue
        if suffix(name) not in IMAGE_SUFFIXES:
            others.append(name)
        elif member.file_size > MAX_BYTES:
            problems.append(f"{printable(name)}: larger than {MAX_BYTES >> 30} GiB")
        else:
            found[name] = Found(name, member.file_size, member.CRC)
    return Listing(sorted(found.values()), sorted(problems), others[:3])


def _shown(path: Path) -> str:
    return printable(str(path))


def _parts(name: str) -> list[str]:
    return re.split(r"[/\\]", name)


def inner(name: str) -> str:
    """Where a member lies in its zip, whichever program has written its name.

    >>> inner("./cats/1.png"), inner("cats\\\\1.png")
    ('cats/1.png', 'cats/1.png')
    """
    return "/".join(part for part in _parts(name) if part not in ("", "."))


def _check_sizes(path: Path, members: list[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or total > MAX_TOTAL:
        raise DataError(
            f"'{_shown(path)}' claims {len(members)} members of {total >> 30} GiB unpacked, over the limit of "
            f"{MAX_MEMBERS} and {MAX_TOTAL >> 30} GiB; unpack it yourself, if you trust it, and give the folder."
        )


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    """Raise DataError with what is wrong with a member, if anything is."""
    name = member.filename
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        wrong = "has an absolute path"
    elif ".." in _parts(name):
        wrong = "has a path with '..'"
    elif stat.S_ISLNK(member.external_attr >> 16):
        wrong = "is a link"
    elif member.flag_bits & 0x1:
        wrong = "is encrypted"
    elif member.file_size > RATIO_FROM and member.file_size > MAX_RATIO * member.compress_size:
        wrong = f"unpacks to over {MAX_RATIO} times its size, as a zip bomb does"
    else:
        return
    raise DataError(
        f"'{printable(name)}' in '{_shown(path)}' {wrong}; unpack it yourself, if you trust it, and give the folder."
    )
