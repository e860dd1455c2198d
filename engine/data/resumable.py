"""Decoding a folder of images into the cache, which goes on where it was interrupted."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import IO

import numpy as np

from engine.data.store import Writer

DIGEST_BYTES = 16
SYNC_SECONDS = 5.0
_USED, _UNUSABLE = b"\1", b"\0"


class ResumableWriter(Writer):
    """A writer that keeps what it has if it is left by an exception, or if the process is killed.

    Beside the pixels there is a journal: a digest for each listed image, then, in the order of decoding, a byte for
    each that tells whether its pixels were written. After a crash of the system the journal is never ahead of the
    pixels. Both are removed when they have been left for a day.
    """

    def __init__(self, path: Path):
        self._journal: IO[bytes] | None = None
        self._noted = bytearray()
        self._synced_at, self._is_kept = time.monotonic(), True
        super().__init__(path)

    def _create(self, path: Path) -> tuple[IO[bytes], str]:
        pixels, journal = (path.with_name(f".{path.name}.{kind}") for kind in ("unfinished", "journal"))
        opened = _open(pixels)
        self._journal, self._journal_path = _open(journal), journal
        return opened, str(pixels)

    def begin(self, count: int, shape: tuple[int, int, int]) -> tuple[list[bytes], list[bool]]:
        """What is known of ``count`` images of ``shape`` C,H,W from before an interruption.

        These are the digests of the first listed ones, and whether each of the first decoded ones was written.
        """
        self._shape = shape
        if self._journal is None:
            return [], []
        size = int(np.prod(shape))
        content, room = self._journal.read(), os.fstat(self._file.fileno()).st_size // size
        digests = [content[i : i + DIGEST_BYTES] for i in range(0, DIGEST_BYTES * count, DIGEST_BYTES)]
        digests = [digest if any(digest) else b"" for digest in digests if len(digest) == DIGEST_BYTES]
        rows: list[bool] = []
        for written in content[DIGEST_BYTES * count :]:
            if written and self._count == room:
                break
            rows.append(bool(written))
            self._count += bool(written)
        _cut(self._journal, DIGEST_BYTES * len(digests) + len(rows))
        _cut(self._file, self._count * size)
        return digests, rows

    def note_digest(self, digest: bytes) -> None:
        """Write down the digest of the next listed image; b"" for one that cannot be read."""
        self._note(digest.ljust(DIGEST_BYTES, b"\0"))

    def add(self, images: np.ndarray) -> None:
        super().add(images)
        self._note(_USED)

    def note_unusable(self) -> None:
        """Write down that the next image has no pixels."""
        self._note(_UNUSABLE)

    def _note(self, record: bytes) -> None:
        self._noted += record
        if time.monotonic() - self._synced_at > SYNC_SECONDS:
            self._sync()

    def _sync(self) -> None:
        """Write out the pixels and only then, when they are on the disk, what the journal says of them."""
        self._synced_at = time.monotonic()
        if self._journal is None:
            return
        self._file.flush()
        os.fdatasync(self._file.fileno())
        self._journal.write(self._noted)
        self._journal.flush()
        self._noted.clear()

    def discard(self) -> None:
        """Keep nothing for another time."""
        self._is_kept = False

    def __exit__(self, *exception: object) -> None:
        journal, is_complete = self._journal, not self._temporary
        if journal is None:
            super().__exit__(*exception)
            return
        with journal:
            if is_complete or not self._is_kept:
                super().__exit__(*exception)
                self._journal_path.unlink(missing_ok=True)
                return
            with contextlib.suppress(OSError):  # a full disk, perhaps
                self._sync()
            self._file.close()


def _open(path: Path) -> IO[bytes]:
    """Open a file of the cache's own for reading and writing, made if need be."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+b")


def _cut(file: IO[bytes], length: int) -> None:
    file.truncate(length)
    file.seek(length)
