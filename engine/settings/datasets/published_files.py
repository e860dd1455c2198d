"""The files of published data sets: found by their usual names, known by the hash of their content. Torch-free.

Whoever packed a file, its content decides: `gentui data check` and the loaders ask here.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
import re
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from engine.settings import registry
from engine.settings.datasets.base import Data, File, is_file, is_folder

_CHUNK = 1 << 16
_BZIP2_LEVEL = 9  # of the bzip2 program, unless it is told otherwise


def find_file(folder: Path, name: str) -> Path | None:
    """The file in ``folder`` that is called ``name`` or one of the usual other names; None if there is none.

    Packed as gzip or bzip2 or not, with dots or underscores in place of dashes, in capital letters, or in a folder of
    that name, as unpacked archives have it.
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if is_file(path):
            return path
    try:
        near = sorted(entry for entry in os.listdir(folder) if _plain(entry) == _plain(name))  # noqa: PTH208
    except OSError:
        return None
    for path in (folder / entry for entry in near):
        if is_file(path):
            return path
        if is_folder(path) and (within := find_file(path, name)) is not None:
            return within
    return None


def has_files(folder: Path, files: tuple[File, ...]) -> bool:
    """Whether all the files are in a folder."""
    return is_folder(folder) and all(find_file(folder, file.name) is not None for file in files)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.sub(r"\.(gz|bz2)$", "", name.lower()))


def open_content(path: Path) -> BinaryIO:
    """Open the content of a file for reading, unpacked if it begins as gzip or bzip2 does. Raises OSError."""
    with path.open("rb") as stream:
        beginning = stream.read(3)
    if beginning[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.open(path))
    return cast(BinaryIO, bz2.open(path) if beginning == b"BZh" else path.open("rb"))


@dataclass(frozen=True)
class Finding:
    """What is wrong with a file: ``problem`` is a sentence without its full stop, "" if nothing is.

    ``refused``: it must not be read as what it is called. ``dataset`` is the data set whose file it is instead, if that
    is known.
    """

    problem: str = ""
    refused: bool = False
    dataset: str = ""


def examine(path: Path, file: File) -> Finding:
    """Compare a file with what was published, by the hash of its content or, where only that was published, of the
    file as served."""
    try:
        if file.sha256:
            with open_content(path) as stream:
                return judge(path, file, *_digest(stream, file.bytes))
        with path.open("rb") as stream:
            served = hashlib.file_digest(stream, md5).hexdigest()
        if served == file.md5 or (not file.gzipped and _repacked(path) == file.md5):
            return Finding()
        if file.gzipped and path.suffix != ".gz" and (size := path.stat().st_size) != served:
            return Finding(
                "" if size == file.bytes else f"{path} has {size:,} bytes, not the {file.bytes:,} published"
            )
        return _foreign(path, file, served, file.gzipped)
    except (OSError, EOFError, zlib.error) as error:
        return Finding(f"{path} cannot be read: {error}", True)


def judge(path: Path, file: File, sha256: str, size: int) -> Finding:
    """Compare the content of a file, by its SHA-256 and size in bytes, with what was published.

    Content of another size is told and may be read, as a part of the set; content of the same size is refused.
    """
    if not file.sha256 or sha256 == file.sha256:
        return Finding()
    return _foreign(path, file, sha256, size == file.bytes)


def _foreign(path: Path, file: File, digest: str, refused: bool) -> Finding:
    problem = f"{path} does not hold what was published as {file.name}"
    for name in registry.names("dataset"):
        cls = registry.find("dataset", name)
        for other in cls.files if cls is not None and issubclass(cls, Data) else ():
            if digest in (other.sha256, other.md5):
                return Finding(f"{problem}, but {other.name} of {name}", True, name)
    return Finding(problem, refused)


md5 = partial(hashlib.md5, usedforsecurity=False)


def _repacked(path: Path) -> str:
    """The MD5 of a bzip2 file's content, or of plain content, packed as the bzip2 program does by default."""
    packed, digest = bz2.BZ2Compressor(_BZIP2_LEVEL), md5()
    if path.suffix not in (".bz2", ""):
        return ""
    with open_content(path) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(packed.compress(chunk))
    digest.update(packed.flush())
    return digest.hexdigest()


def _digest(stream: Any, limit: int) -> tuple[str, int]:
    """SHA-256 and size of a stream's content, reading little more than ``limit`` bytes."""
    digest, size = hashlib.sha256(), 0
    while size <= limit and (chunk := stream.read(_CHUNK)):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
