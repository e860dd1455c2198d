"""Lines of text files of any encoding and line end, read while the file grows or is rewritten."""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from gentui.imports.parsing import CHUNK, LONGEST_LINE, GrowingFile

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_MARK = 4
_ENDS = 1024  # bytes compared at either end of what was read of a file
_BROKEN = "\ufffd"


def decoded(line: bytes) -> str:
    """A line as text: UTF-8, or Windows' Latin alphabet where it is not valid UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        try:
            return line.decode("cp1252")
        except UnicodeDecodeError:
            return line.decode("utf-8", "replace")


class Unified:
    """Turns the bytes of a text file into UTF-8 with ``\\n`` at the end of each line.

    The encoding is that of the byte order mark. Without one it is UTF-16 or UTF-32 if the first character has the zero
    bytes of these, else the bytes stay as they are.
    """

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._has_return = False

    def of(self, data: bytes, is_last: bool = False) -> bytes:
        """The next piece, as far as it can be told. With ``is_last``, everything that was held back as well."""
        if self._head is not None:
            self._head += data
            if len(self._head) < _LONGEST_MARK and not is_last:
                return b""
            encoding, data = _encoding(self._head)
            self._head = None
            if encoding != "utf-8":
                self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        if self._decoder is not None:
            data = self._decoder.decode(data, is_last).encode("utf-8", "replace")
        if self._has_return:
            data, self._has_return = b"\r" + data, False
        if data.endswith(b"\r") and not is_last:  # a newline may follow
            data, self._has_return = data[:-1], True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _encoding(data: bytes) -> tuple[str, bytes]:
    """The encoding of a file that begins with these bytes, and the bytes without their byte order mark."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, data[len(mark) :]
    match [byte != 0 for byte in data[:_LONGEST_MARK]]:
        case [True, False, False, False]:
            return "utf-32-le", data
        case [False, False, False, True]:
            return "utf-32-be", data
        case [True, False, True, False]:
            return "utf-16-le", data
        case [False, True, False, True]:
            return "utf-16-be", data
    return "utf-8", data


class Lines:
    """Splits pieces of bytes into numbered lines; None stands for a line longer than ``LONGEST_LINE``."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = self._number = 0

    def of(self, data: bytes) -> Iterator[tuple[int, bytes | None]]:
        """The lines completed by this piece."""
        first, *others = data.split(b"\n")
        self._hold(first)
        for part in others:
            yield self._line()
            self._hold(part)

    def last(self) -> Iterator[tuple[int, bytes | None]]:
        """The unfinished last line, if there is one."""
        if self._size:
            yield self._line()

    def _hold(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > LONGEST_LINE:
            self._held.clear()
        elif part:
            self._held.append(part)

    def _line(self) -> tuple[int, bytes | None]:
        line = None if self._size > LONGEST_LINE else b"".join(self._held).removesuffix(b"\r")
        self._held, self._size = [], 0
        self._number += 1
        return self._number, line


class GrowingText(GrowingFile):
    """A text file that grows, and that its program may rewrite from the start, in place or under the same name."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._begin()

    def pieces(self) -> Iterator[bytes]:
        """The bytes that are new, unified."""
        while data := self.peek(CHUNK):
            self.offset += len(data)
            self._first = (self._first + data)[:_ENDS] if len(self._first) < _ENDS else self._first
            self._last = (self._last + data[-_ENDS:])[-_ENDS:]
            self._digest.update(data)
            yield self._unified.of(data)

    def last_piece(self) -> bytes:
        """What remains of the last character."""
        return self._unified.of(b"", is_last=True)

    def rewind(self) -> None:
        """Read from the start of the file that the path names now."""
        self.offset = 0
        self._begin()
        self.open_again()

    def is_rewritten(self, exactly: bool = False) -> bool:
        """Whether the file no longer begins with what was read.

        Looks at the file's identity, its size, and the first and last bytes read; ``exactly``: at all of them. A file
        that was removed, or is empty just now, is as it was.
        """
        held = os.fstat(self._fd)
        try:
            named = self.path.stat()
        except OSError:
            named = held
        if (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino):
            return named.st_size > 0
        if held.st_size < self.offset:
            return held.st_size > 0
        if os.pread(self._fd, len(self._first), 0) != self._first:
            return True
        last = max(0, self.offset - len(self._last))
        if os.pread(self._fd, len(self._last), last) != self._last:
            return True
        return exactly and self._digest.digest() != self._digest_now()

    def _begin(self) -> None:
        self._unified = Unified()
        self._first = self._last = b""
        self._digest = hashlib.blake2b()

    def _digest_now(self) -> bytes:
        digest, at = hashlib.blake2b(), 0
        while data := os.pread(self._fd, min(CHUNK, self.offset - at), at):
            digest.update(data)
            at += len(data)
        return digest.digest()
