"""Verify and download data sets.

A file is verified by the SHA-256 of its unpacked content, so that any mirror will do, or by the MD5 of the file as
served if only that was published. A damaged or foreign file is never kept.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.settings.datasets.published_files import examine, find_file, md5

if TYPE_CHECKING:
    from engine.recipes.recipe import Data, File

TIMEOUT_S = 30.0
_CHUNK = 1 << 16

_LIMIT = 1 << 32  # maximum size of a file whose size was not published

Progress = Callable[[str, int, int], None]
"""Called with (file, bytes of content so far, bytes in total or 0 if unknown)."""


class FetchError(Exception):
    """A data set could not be fetched; the message is one sentence."""


def check(cls: type[Data]) -> list[str]:
    """One sentence for every missing or damaged file of a data set; empty if it is complete."""
    if len(cls.components()) > 1:
        return [problem for part in cls.components() for problem in check(part)]
    folder = cls.locate()
    if folder is None:
        return [cls.remedy()]
    return [problem for file in cls.files if (problem := _check(folder, file))]


def _check(folder: Path, file: File) -> str:
    """What is wrong with a file of a folder: the one that is read if there are several."""
    path = find_file(folder, file.name)
    return examine(path, file).problem if path is not None else f"{folder / file.name} is not there"


def fetch(cls: type[Data], root: Path, progress: Progress) -> Path:
    """Download the missing files of a data set into ``root / cls.folder``; returns the folder.

    Raises FetchError. A file appears in the folder only after it has been verified.
    """
    folder = root / cls.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in cls.files:
            if not _present(folder, file):
                _fetch_file(file, folder, progress)
    except OSError as error:
        raise FetchError(f"cannot write to {folder}: {error.strerror or error}") from None
    return folder


def _present(folder: Path, file: File) -> bool:
    return not _check(folder, file)


def _fetch_file(file: File, folder: Path, progress: Progress) -> None:
    reasons = []
    for url in file.urls:
        fd, temporary = tempfile.mkstemp(dir=folder, prefix=f".{file.name}.")
        try:
            with os.fdopen(fd, "wb") as target:
                reason = _download(url, file, target, progress)
            if not reason:
                (folder / file.name).unlink(missing_ok=True)  # a damaged plain file would be read first
                Path(temporary).replace(folder / (f"{file.name}.gz" if file.gzipped else file.name))
                return
            reasons.append(f"{url}: {reason}")
        finally:
            Path(temporary).unlink(missing_ok=True)
    raise FetchError(f"{file.name} could not be downloaded ({'; '.join(reasons)})")


def _download(url: str, file: File, target: BinaryIO, progress: Progress) -> str:
    """Download ``url`` to ``target``. Returns why it failed, or ""."""
    served, content, size = md5(), hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            promised = response.headers.get("Content-Length", "")
            total = file.bytes or (int(promised) if promised.isdigit() else 0)
            for packed, plain in _pieces(response, file.gzipped):
                target.write(packed)
                served.update(packed)
                content.update(plain)
                size += len(plain)
                if size > (file.bytes or _LIMIT):
                    return "it is longer than what was published"
                progress(file.name, size, total)
    except urllib.error.HTTPError as error:
        return f"the server answered {error.code} {error.reason}"
    except urllib.error.URLError as error:
        return f"no connection ({error.reason})"
    except (TimeoutError, ConnectionError, HTTPException) as error:
        return f"the connection broke ({error or type(error).__name__})"
    except zlib.error:
        return "it is damaged"
    whole = content.hexdigest() == file.sha256 if file.sha256 else served.hexdigest() == file.md5
    return "" if whole else "it is not what was published"


def _pieces(response: BinaryIO, gzipped: bool) -> Iterator[tuple[bytes, bytes]]:
    """(as served, unpacked) chunks of a file, as they arrive."""
    unpack = zlib.decompressobj(wbits=31)
    while packed := response.read(_CHUNK):
        yield packed, unpack.decompress(packed, 1 << 24) if gzipped else packed
