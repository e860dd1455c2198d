"""What the terminal can draw, found out by one query before the app starts.

The query is only sent where the answer can be yes: not inside tmux or screen, which advertise what the terminal
outside may lack, and not unless stdin and stdout are terminals. Where the user asks for kitty graphics by name,
they pass through a tmux that allows it. Keys typed before the reply are returned, not lost; and a reply that
arrives late, over a slow line, is not taken for typing: ``LateAnswerFilter`` removes it from the input.
"""

from __future__ import annotations

import os
import re
import select
import sys
import time
from typing import Any, TextIO

PATIENCE = 0.15
"""Seconds to wait for a reply. Every real terminal answers the second part of the query, so few take this long."""

_KITTY = re.compile(rb"\x1b_Gi=31;([^\x1b]*)\x1b\\")
_ATTRIBUTES_TEXT = re.compile(r"\x1b\[\?[0-9;]*c")
_REPLY_TEXT = re.compile(rf"\x1b_G[^\x1b]*\x1b\\|{_ATTRIBUTES_TEXT.pattern}")
_ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]*)c")
_PARTIAL = re.compile(r"\x1b(?:_(?:G[^\x1b]*\x1b?)?|\[(?:\?[0-9;]*)?)?\Z")
"""Text at the end of the input that may be the beginning of a reply."""
_QUERY = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c"


class CapabilityQuery:
    """Sends the query at once, if ``images`` is ``auto`` and the terminal may answer; ``result`` waits for the reply.

    Until ``result`` nothing else may read the terminal, and what is typed is not echoed. ``partial_reply`` is the
    beginning of a reply that was not complete in time; None where no reply is due any more.
    """

    def __init__(self, images: str, stdin: int = 0, stdout: int = 1, patience: float = PATIENCE):
        self.partial_reply: str | None = None
        is_usable = images != "auto" and not (images == "kitty" and is_passthrough_blocked())
        self._kind = images if is_usable else "half"
        self._stdin = stdin
        self._terminal_mode: list[Any] | None = None
        if images != "auto" or not (os.isatty(stdin) and os.isatty(stdout)) or not _can_answer(os.environ):
            return
        import termios
        import tty

        try:
            self._terminal_mode = termios.tcgetattr(stdin)
            tty.setcbreak(stdin, termios.TCSANOW)
            os.write(stdout, _QUERY)
        except (termios.error, OSError):
            return
        self._deadline = time.monotonic() + patience

    def result(self) -> tuple[str, str]:
        """Return how pictures will be drawn (kitty, sixel, half or none), and what was typed meanwhile."""
        if self._terminal_mode is None:
            return self._kind, ""
        import termios

        reply = b""
        try:
            while not _ATTRIBUTES.search(reply):
                # reads at least once, however long the app took to load
                left = max(0.0, self._deadline - time.monotonic())
                if not select.select([self._stdin], [], [], left)[0]:
                    break
                if not (more := os.read(self._stdin, 4096)):
                    break
                reply += more
        except OSError:
            pass
        finally:
            termios.tcsetattr(self._stdin, termios.TCSANOW, self._terminal_mode)
        kind, typed = parse_reply(reply)
        if not _ATTRIBUTES.search(reply):
            self.partial_reply = partial[0] if (partial := _PARTIAL.search(typed)) else ""
            typed = typed.removesuffix(self.partial_reply)
        return kind, typed


class LateAnswerFilter:
    """Removes the rest of a late reply from the input, for ``LIFETIME`` seconds or until the reply is complete.

    What may be the beginning of a reply, such as Esc, is held back, and counts as typed if nothing follows within
    ``PAUSE`` seconds. ``partial`` is the part of the reply received so far.
    """

    LIFETIME, PAUSE = 30.0, 0.02

    def __init__(self, partial: str = ""):
        self._held = partial
        self._since = self._began = time.monotonic()

    def feed(self, text: str) -> str:
        """Return the part of a text just read that was typed."""
        now = time.monotonic()
        if now - self._began > self.LIFETIME:
            text, self._held = self._held + text, ""
            return text
        text, self._since = self._held + text, now
        if _ATTRIBUTES_TEXT.search(text):
            self._began = -self.LIFETIME
        text = _REPLY_TEXT.sub("", text)
        partial = _PARTIAL.search(text)
        self._held = partial[0] if partial and self._began > 0 else ""
        return text.removesuffix(self._held)

    def flush(self) -> str:
        """Return what was held back for ``PAUSE`` seconds; nothing while it can only be part of a reply."""
        if not self._held or time.monotonic() - self._since < self.PAUSE or len(self._held) > 2:
            return ""
        text, self._held = self._held, ""
        return text


def _can_answer(environ: os._Environ[str] | dict[str, str]) -> bool:
    if environ.get("TMUX") or environ.get("STY") or "NO_COLOR" in environ:
        return False
    term = environ.get("TERM", "")
    return not term.startswith(("screen", "tmux", "dumb", "linux", "vt")) and term != ""


def output_file() -> TextIO:
    """Return the file the app draws on: stderr, as Textual does, or stdout where only that is a terminal."""
    files = [file for file in (sys.__stderr__, sys.__stdout__) if file is not None]
    return next((file for file in files if file.isatty()), files[0])


def has_braille() -> bool:
    """Return whether the terminal shows braille: the Linux console lacks its glyphs, some encodings its characters."""
    try:
        "⣿".encode(output_file().encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") != "linux"


def cell_size() -> tuple[int, int]:
    """Return width and height of a cell in pixels as reported by the kernel, or 10 × 20 if it does not know them."""
    import fcntl
    import struct
    import termios

    try:
        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8))
        if rows and columns and width and height:
            return max(1, width // columns), max(1, height // rows)
    except OSError:
        pass
    return 10, 20


def is_passthrough_blocked() -> bool:
    """Return whether tmux keeps escape sequences from the terminal outside. Versions before 3.3 always pass them."""
    if not os.environ.get("TMUX"):
        return False
    import subprocess

    command = ["tmux", "show-options", "-Apv", "allow-passthrough"]
    try:
        answer = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=2.0, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == b"off"


def parse_reply(reply: bytes) -> tuple[str, str]:
    """Return how pictures can be drawn according to a reply, and the input without the reply."""
    kitty, attributes = _KITTY.search(reply), _ATTRIBUTES.search(reply)
    kind = "half"
    if kitty and kitty[1] == b"OK":
        kind = "kitty"
    elif attributes and b"4" in attributes[1].split(b";")[1:]:
        kind = "sixel"
    typed = _ATTRIBUTES.sub(b"", _KITTY.sub(b"", reply))
    return kind, typed.decode("utf-8", "ignore")
