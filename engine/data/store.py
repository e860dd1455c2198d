"""The cache of decoded images: one memory-mapped file per data set and size.

A file holds the pixels of all images, then further arrays, then a JSON description, its length and a magic number.
It is renamed into place only when it is complete.
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
from engine.runs.among_hosts import among_hosts_for_long
from engine.runs.directory import boot_id
from engine.runs.files import FILE_MODE, private_folder
from engine.runs.filesystems import is_shared

_MAGIC = b"gentui images 1\n"
_SUFFIX = ".images"
_KEEP_S = 60 * 86400  # unused files are removed after this time
_WAIT_S = 0.1

OnWait = Callable[[], None]
"""Called repeatedly while another process builds the file; may raise to end the wait."""


@dataclass(frozen=True)
class StoredImages:
    """Images uint8 N,C,H,W, mapped from a file, with further arrays by name and plain values in ``info``.

    ``info["sha256"]`` is the hash of pixels and arrays.
    """

    images: Tensor
    arrays: dict[str, Tensor]
    info: dict[str, Any]


def cache_folder() -> Path:
    """``images`` in the user's cache directory, shared by all homes of gentui."""
    return Path(platformdirs.user_cache_dir("gentui")) / "images"


def load_or_build(
    key: str,
    build: Callable[[Any], None],
    waiting: OnWait = lambda: None,
    kind: type[Writer] | None = None,
) -> StoredImages:
    """The images cached under ``key``; if there are none, ``build`` writes them, in one process at a time.

    ``waiting`` is called while another process builds them; ``kind`` is the class of the writer that ``build`` is
    given. Raises DataError if the file cannot be written.
    """
    path = cache_folder() / f"{key}{_SUFFIX}"
    if (stored := _read(path)) is not None:
        return stored
    with exclusive_build(path, waiting):
        if (stored := _read(path)) is not None:
            return stored
        try:
            with (kind or Writer)(path) as writer:
                build(writer)
                return writer.finish()
        except OSError as error:
            raise DataError(
                f"{path} cannot be written ({error.strerror or error}): free some space, or set XDG_CACHE_HOME "
                "to a folder on another disk"
            ) from error


class Writer:
    """Writes one file of images; an anonymous temporary file if the cache directory is not writable."""

    def __init__(self, path: Path):
        self._path, self._temporary = path, ""
        self._arrays: dict[str, np.ndarray] = {}
        self._info: dict[str, Any] = {}
        self._shape: tuple[int, ...] = ()
        self._count = 0
        try:
            private_folder(path.parent)
            _remove_stale(path.parent)
            self._file, self._temporary = self._create(path)
        except OSError:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__ or by its map

    def _create(self, path: Path) -> tuple[IO[bytes], str]:
        """A new file to be renamed to ``path``, and its own path."""
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        return os.fdopen(descriptor, "w+b"), temporary

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        if self._temporary:
            Path(self._temporary).unlink(missing_ok=True)

    @property
    def place(self) -> str:
        """A path at which other processes can write pixels while this one waits; "" if there is none."""
        return self._temporary

    def add(self, images: np.ndarray) -> None:
        """Append uint8 images: C,H,W or N,C,H,W."""
        self._shape = images.shape[-3:]
        self._count += 1 if images.ndim == 3 else len(images)
        self._file.write(np.ascontiguousarray(images).data)

    def reserve(self, count: int, shape: tuple[int, int, int]) -> None:
        """Reserve room for ``count`` images that other processes write at ``place``."""
        self._shape, self._count = shape, count
        self._file.truncate(count * int(np.prod(shape)))

    def describe(self, arrays: dict[str, np.ndarray], **info: Any) -> None:
        """Set the arrays and plain values that are stored with the pixels."""
        self._arrays, self._info = arrays, info

    def finish(self) -> StoredImages:
        """Complete the file, rename it into place and map it."""
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
    """Map a file; None if it does not exist or is incomplete."""
    try:
        with path.open("rb") as file:
            stored = _map(file)
        if stored is not None:
            with contextlib.suppress(OSError):
                os.utime(path)  # mark it as used
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
    else:  # copy-on-write: torch needs writable memory, and the file must never change
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
    """Hold a lock so that one process builds a file. Without a writable directory there is no lock, and among machines
    none where their file system has no links."""
    try:
        private_folder(path.parent)
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
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                stack.enter_context(_among_hosts(path, waiting))
            yield
    with contextlib.suppress(OSError):
        path.with_suffix(".lock").unlink()


def _among_hosts(path: Path, waiting: OnWait) -> contextlib.AbstractContextManager[None]:
    """The same lock among machines that share the folder."""
    if not is_shared(path.parent):
        return contextlib.nullcontext()
    return among_hosts_for_long(path.with_suffix(".hosts-lock"), boot_id(), waiting)


def _remove_stale(folder: Path) -> None:
    """Remove files that have long been unused, and temporary files of killed processes."""
    now = time.time()
    for entry in os.scandir(folder):
        old = 86400 if entry.name.startswith(".") else _KEEP_S
        with contextlib.suppress(OSError):
            if now - entry.stat().st_mtime > old:
                os.unlink(entry.path)  # noqa: PTH108
