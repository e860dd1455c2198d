"""The append-only event log: one line per record, ``CRC JSON``, torch-free.

``CRC`` is the CRC-32 of the JSON bytes as eight hex digits. A last line without a newline is *not yet written* and is
read again later; a complete line whose CRC does not match is skipped and counted. NaN and infinities are written as
Python's json writes them (``NaN``, ``Infinity``).
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.runs.files import FULL, NotAPlainFile, open_plain_file

Kind = Literal["metrics", "sample", "evaluation", "checkpoint", "figure", "alert", "status", "system"]

MAX_LINE, MAX_LOG = 1 << 20, 16 << 30
"""Bytes of the longest line and of the largest log that are read."""
_CHUNK = 1 << 22
_TAIL = 1 << 16
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_decode = json.JSONDecoder().raw_decode


def encode(record: dict[str, Any]) -> bytes:
    """Encode a record as a line with its CRC."""
    body = _encode(record).encode("utf-8", "surrogatepass")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode(line: bytes) -> dict[str, Any] | None:
    """Decode a line (without its newline); None if it is corrupt."""
    if len(line) < 10 or line[8] != 0x20:
        return None
    body = line[9:]
    try:
        if line[:8] != b"%08x" % zlib.crc32(body):
            return None
        text = body.decode("utf-8", "surrogatepass")
        record, end = _decode(text)  # skips the search of json.loads for encodings and white space
        if end != len(text):
            return None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("kind"), str) else None


class EventWriter:
    """Appends records to one attempt's file with one ``write`` per call. Thread-safe.

    A full disk raises no error: records wait in memory (up to ``max_pending`` bytes) and are written, in order, by the
    next call that finds space. ``blocked`` is true while records wait; ``dropped`` counts records beyond
    ``max_pending``, which are lost. Raises OSError if the file cannot be opened: NotAPlainFile if it is a link, for
    example.
    """

    def __init__(self, path: Path, max_pending: int = 64 << 20):
        self.path = path
        self.blocked = False
        self.dropped = 0
        self._max_pending = max_pending
        self._pending = b""
        self._lock = threading.Lock()
        self._fd = open_plain_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        # A process killed in the middle of a write leaves a torn line: end it, so that the next one is whole.
        if (size := os.fstat(self._fd).st_size) and os.pread(self._fd, 1, size - 1) != b"\n":
            self._pending = b"\n"

    def emit(self, kind: Kind, *, step: int, images: int, **fields: Any) -> None:
        """Write one record, with the times ``t`` (unix) and ``mono`` (monotonic) added, in seconds."""
        self.emit_many([self.stamp(kind, step=step, images=images, **fields)])

    @staticmethod
    def stamp(kind: Kind, *, step: int, images: int, **fields: Any) -> dict[str, Any]:
        """A record of this moment, for ``emit_many``."""
        return {
            "kind": kind,
            "t": time.time(),
            "mono": time.monotonic(),
            "step": step,
            "images": images,
            **fields,
        }

    def emit_many(self, records: Iterable[dict[str, Any]]) -> None:
        """Write several records at once, and those that still wait."""
        data = b"".join(map(encode, records))
        with self._lock:
            self._write(data)

    def _write(self, data: bytes) -> None:
        data = self._pending + data
        while data:
            try:
                written = os.write(self._fd, data)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self.blocked = True
                if len(data) > self._max_pending:  # keep the oldest whole records
                    whole = data.rfind(b"\n", 0, self._max_pending) + 1
                    self.dropped += data.count(b"\n", whole)
                    data = data[:whole]
                self._pending = data
                return
            data = data[written:]
        self._pending = b""
        self.blocked = False

    def sync(self) -> None:
        """Write waiting records and fsync the file. Raises OSError if there is still no space for them."""
        self.emit_many([])
        if self.blocked:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        os.fsync(self._fd)

    def close(self) -> None:
        self.emit_many([])
        os.close(self._fd)


@dataclass
class EventBatch:
    """The records of one ``read_events`` call. The next call begins at ``offset``; ``corrupt`` counts skipped lines.
    ``is_all``: whether nothing else stood in the file."""

    events: list[dict[str, Any]] = field(default_factory=list)
    offset: int = 0
    corrupt: int = 0
    is_all: bool = True


def read_events(path: Path, offset: int = 0, limit: int = _CHUNK) -> EventBatch:
    """Read records from ``offset`` on, at most about ``limit`` bytes. A torn last line is left for the next call.

    A file shorter than ``offset`` has been replaced, and is read from its beginning. A missing file, or one that is not
    a regular file, is empty. Raises OSError if the file cannot be read, or is larger than MAX_LOG.
    """
    fd = _open(path)
    if fd is None:
        return EventBatch()
    try:
        size = os.fstat(fd).st_size
        if size > MAX_LOG:
            raise OSError(errno.EFBIG, f"it is larger than {MAX_LOG >> 30} GiB", str(path))
        if size < offset:
            offset = 0
        data = os.pread(fd, max(limit, MAX_LINE + 1), offset)
    finally:
        os.close(fd)
    end = data.rfind(b"\n") + 1
    if end == 0 and len(data) > MAX_LINE:  # longer than any record: skip it, in the same way at every reading
        return EventBatch(offset=offset + MAX_LINE, corrupt=1, is_all=False)
    batch = EventBatch(offset=offset + end, is_all=offset + end == size)
    for line in data[:end].split(b"\n"):
        if not line:
            continue
        record = decode(line) if len(line) <= MAX_LINE else None
        if record is None:
            batch.corrupt += 1
        else:
            batch.events.append(record)
    return batch


def _open(path: Path) -> int | None:
    """Open a regular file; None for anything else (opening a FIFO would block)."""
    try:
        return open_plain_file(path)
    except (FileNotFoundError, NotAPlainFile):
        return None


def last_event(path: Path, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    """The last complete record for which ``matches`` is true, searched from the end; None if there is none."""
    fd = _open(path)
    if fd is None:
        return None
    try:
        end, torn = os.fstat(fd).st_size, b""
        first = True
        if end > MAX_LOG:
            return None
        while end > 0:
            begin = max(0, end - _TAIL)
            data = os.pread(fd, end - begin, begin) + torn
            lines = data.split(b"\n")
            if first:  # the text after the last newline is not yet written
                lines.pop()
                first = False
            torn = lines.pop(0) if begin and lines else b""
            for line in reversed(lines):
                record = decode(line) if len(line) <= MAX_LINE else None
                if record is not None and matches(record):
                    return record
            end = begin
    finally:
        os.close(fd)
    return None


def iter_events(path: Path) -> Iterator[dict[str, Any]]:
    """All complete records of a file, oldest first."""
    offset = 0
    while True:
        batch = read_events(path, offset)
        if batch.offset <= offset:
            return
        yield from batch.events
        offset = batch.offset
