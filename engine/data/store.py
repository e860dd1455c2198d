"""Decoded images kept in one file of the cache: the second start maps it and decodes nothing.

A file holds the pixels of all images, then arrays that belong to them, then a JSON description, its length and
a magic number. It appears under its name only when it is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import platformdirs
import torch
from torch import Tensor

from engine.data.dataset import DataError
from engine.runs.directory import DIR_MODE, FILE_MODE

_MAGIC = b"gentui images 1\n"
_SUFFIX = ".images"
_KEEP_S = 60 * 86400  # files that no run has used for so long are removed
_WAIT_S = 0.1

OnWait = Callable[[], None]
"""Called now and then while another process makes the file; what it raises ends the wait."""


@dataclass(frozen=True)
class StoredImages:
    """``images`` uint8 N,C,H,W, mapped from the file; ``arrays`` by name; ``info``: plain values.

    ``info["sha256"]`` is the hash of pixels and arrays.
    """

    images: Tensor
    arrays: dict[str, Tensor]
    info: dict[str, Any]


def cache_folder() -> Path:
    """``images`` in the user's cache directory: the content is the same for every home of gentui."""
    return Path(platformdirs.user_cache_dir("gentui")) / "images"


def load_or_build(key: str, build: Callable[[Writer], None], waiting: OnWait = lambda: None) -> StoredImages:
    """What is kept under ``key``; where nothing is, ``build`` writes it, in one process at a time.

    Raises DataError when the disk is full.
    """
    path = cache_folder() / f"{key}{_SUFFIX}"
    if (found := _read(path)) is not None:
        return found
    with exclusive_build(path, waiting):
        if (found := _read(path)) is not None:
            return found
        try:
            with Writer(path) as writer:
                build(writer)
                return writer.finish()
        except OSError as error:
            raise DataError(
                f"{path} cannot be written ({error.strerror or error}): free some space, or set XDG_CACHE_HOME "
                "to a folder on another disk"
            ) from error


class Writer:
    """Writes one file of images. Where the cache directory cannot be written to, one without a name."""

    def __init__(self, path: Path):
        self._path, self._temporary = path, ""
        self._arrays: dict[str, np.ndarray] = {}
        self._info: dict[str, Any] = {}
        self._shape: tuple[int, ...] = ()
        self._count = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=DIR_MODE)
            _tidy(path.parent)
            descriptor, self._temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            self._file: IO[bytes] = os.fdopen(descriptor, "w+b")
        except OSError:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__ or by its map

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        if self._temporary:
            Path(self._temporary).unlink(missing_ok=True)

    @property
    def place(self) -> str:
        """A path under which other processes can write pixels while this one waits; "" when there is none."""
        return self._temporary

    def add(self, images: np.ndarray) -> None:
        """Append uint8 images: C,H,W or N,C,H,W."""
        self._shape = images.shape[-3:]
        self._count += 1 if images.ndim == 3 else len(images)
        self._file.write(np.ascontiguousarray(images).data)

    def reserve(self, count: int, shape: tuple[int, int, int]) -> None:
        """Room for ``count`` images that others write at ``place``."""
        self._shape, self._count = shape, count
        self._file.truncate(count * int(np.prod(shape)))

    def describe(self, arrays: dict[str, np.ndarray], **info: Any) -> None:
        """What is kept beside the pixels."""
        self._arrays, self._info = arrays, info

    def finish(self) -> StoredImages:
        """Everything on the disk, mapped."""
        length = self._count * int(np.prod(self._shape or (0,)))
        self._file.flush()
        digest = hashlib.sha256(f"{self._count} {self._shape}\n".encode())
        if length:
            digest.update(np.memmap(self._file, np.uint8, "r", shape=(length,)).data)
        self._file.seek(length)
        places = {}
        for name, array in self._arrays.items():
            places[name] = (array.dtype.str, array.shape, self._file.tell())
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).data)
            self._file.write(np.ascontiguousarray(array).data)
        description = {
            "shape": (self._count, *self._shape),
            "arrays": places,
            "info": {**self._info, "sha256": digest.hexdigest()},
        }
        text = json.dumps(description).encode()
        self._file.write(text + len(text).to_bytes(8, "little") + _MAGIC)
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._temporary:
            os.fchmod(self._file.fileno(), FILE_MODE)
            Path(self._temporary).replace(self._path)
            self._temporary = ""
        stored = _map(self._file)
        assert stored is not None
        return stored


def _read(path: Path) -> StoredImages | None:
    """What the file holds, or None where there is none, or none that is whole."""
    try:
        with path.open("rb") as file:
            stored = _map(file)
        if stored is not None:
            with contextlib.suppress(OSError):
                os.utime(path)  # used: not to be tidied away
        return stored
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _map(file: IO[bytes]) -> StoredImages | None:
    tail = 8 + len(_MAGIC)
    end = file.seek(0, os.SEEK_END)
    if end < tail:
        return None
    file.seek(end - tail)
    ending = file.read(tail)
    if ending[8:] != _MAGIC:
        return None
    length = int.from_bytes(ending[:8], "little")
    file.seek(end - tail - length)
    description = json.loads(file.read(length))
    shape = tuple(description["shape"])
    if not shape[0]:
        images = torch.empty(shape, dtype=torch.uint8)
    else:  # copy-on-write: torch wants memory it may write to, the file must never change
        images = torch.from_numpy(np.memmap(file, np.uint8, "c", shape=shape))
    arrays = {}
    for name, (dtype, dimensions, offset) in description["arrays"].items():
        file.seek(offset)
        count = int(np.prod(dimensions))
        content = bytearray(file.read(count * np.dtype(dtype).itemsize))
        arrays[name] = torch.from_numpy(np.frombuffer(content, dtype).reshape(dimensions))
    return StoredImages(images, arrays, description["info"])


@contextlib.contextmanager
def exclusive_build(path: Path, waiting: OnWait) -> Iterator[None]:
    """One process at a time makes a file; without a place for a lock each makes its own."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=DIR_MODE)
        file = path.with_suffix(".lock").open("w")
    except OSError:
        yield
        return
    with file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting()
                time.sleep(_WAIT_S)
        yield
    with contextlib.suppress(OSError):
        path.with_suffix(".lock").unlink()


def _tidy(folder: Path) -> None:
    """Remove what no run has used for long, and what killed processes left."""
    now = time.time()
    for entry in os.scandir(folder):
        old = 86400 if entry.name.startswith(".") else _KEEP_S
        with contextlib.suppress(OSError):
            if now - entry.stat().st_mtime > old:
                os.unlink(entry.path)  # noqa: PTH108
