"""A real terminal around a command: a pty, and what would stand on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Sequence

import pyte

UNWANTED = ("NO_COLOR", "TMUX", "STY", "COLUMNS", "LINES")
ENV = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
KEYS = {
    "Enter": "\r", "Esc": "\x1b", "Tab": "\t", "Space": " ", "Back": "\x7f", "Clear": "\x15", "Prefix": "\x02",
    "Up": "\x1b[A", "Down": "\x1b[B", "Right": "\x1b[C", "Left": "\x1b[D", "Home": "\x1b[1~", "PgDn": "\x1b[6~",
    "F2": "\x1bOQ", "F3": "\x1bOR", "F5": "\x1b[15~", "F6": "\x1b[17~",
}  # fmt: skip


def _set_size(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Emulator:
    """A command in a pty, its screen emulated."""

    def __init__(self, command: Sequence[str], columns: int = 80, rows: int = 24, **env: str):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.bytes = 0
        self.raw = b""
        environ = {k: v for k, v in os.environ.items() if k not in UNWANTED} | ENV | env
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            _set_size(0, columns, rows)
            os.execvpe(command[0], list(command), environ)

    def resize(self, columns: int, rows: int) -> None:
        """Of the terminal: the pty's and the emulated screen's, which would wrap and scroll what is wider."""
        self.screen.resize(rows, columns)
        _set_size(self.fd, columns, rows)

    def read(self, seconds: float) -> int:
        """Feed what is written within the time to the emulator; how many bytes that was."""
        before, deadline = self.bytes, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                break
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:
                break
            self.bytes += len(data)
            self.raw += data
            # pyte does not know private CSI with > or <, as kitty's keyboard protocol uses
            self.stream.feed(data.replace(b"\x1b[>29u", b"").replace(b"\x1b[<u", b""))
        return self.bytes - before

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def until(self, condition: Callable[[], bool], seconds: float = 60.0, wanted: str = "") -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            told = f" for {wanted}" if wanted else ""
            assert time.monotonic() < deadline, f"waited {seconds:g} s in vain{told}; the screen:\n{self.text}"
            self.read(0.05)

    def sees(self, *words: str, seconds: float = 60.0) -> None:
        """Wait until all the words stand on the screen."""
        missing = lambda: [word for word in words if word not in self.text]  # noqa: E731
        self.until(lambda: not missing(), seconds, f"{words}")

    def press(self, *keys: str) -> None:
        """Keys by their names (``KEYS``), other texts as they are typed, in one write."""
        os.write(self.fd, "".join(KEYS.get(key, key) for key in keys).encode())

    def ended(self, seconds: float = 60.0) -> int:
        """Wait for the end; the wait status."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return status
            if self.fd >= 0:
                self.read(0.02)
            else:
                time.sleep(0.02)
        raise AssertionError(f"it did not end; the screen:\n{self.text}")

    def hang_up(self) -> None:
        os.close(self.fd)
        self.fd = -1

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)
