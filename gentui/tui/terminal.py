"""What the terminal can draw. One question before the app starts, answered or not within a moment.

Asking is only worth it where the answer can be yes: not inside tmux or screen, which advertise what the
terminal outside may lack, and not without a terminal at both ends. Asked for by name, kitty graphics go through a
tmux that allows it. Whatever the person typed meanwhile is handed back, not eaten; and an answer that comes late, over
a slow line, is no typing: ``LateAnswer`` keeps it from the app.
"""

from __future__ import annotations

import os
import re
import select
import sys
import time
from typing import Any, TextIO

PATIENCE = 0.15
"""Seconds for a silent terminal. Every real one answers the second question, so only a mute one costs this."""

_KITTY = re.compile(rb"\x1b_Gi=31;([^\x1b]*)\x1b\\")
_LAST = re.compile(r"\x1b\[\?[0-9;]*c")
_LATE = re.compile(rf"\x1b_G[^\x1b]*\x1b\\|{_LAST.pattern}")
_ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]*)c")
_BEGUN = re.compile(r"\x1b(?:_(?:G[^\x1b]*\x1b?)?|\[(?:\?[0-9;]*)?)?\Z")
"""What may become an answer when more is read."""
_QUESTION = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c"


class Question:
    """Asks at once where an answer is wanted and possible; ``answer`` waits for what is left of the moment.

    In between nothing may read the terminal, and what is typed is not echoed. ``begun`` is what there was then of an
    answer that may yet come; None where none is owed.
    """

    def __init__(self, wanted: str, stdin: int = 0, stdout: int = 1, patience: float = PATIENCE):
        self.begun: str | None = None
        self._kind = wanted if wanted != "auto" and not (wanted == "kitty" and is_walled_in()) else "half"
        self._stdin = stdin
        self._before: list[Any] | None = None
        if wanted != "auto" or not (os.isatty(stdin) and os.isatty(stdout)) or not _may_answer(os.environ):
            return
        import termios
        import tty

        try:
            self._before = termios.tcgetattr(stdin)
            tty.setcbreak(stdin, termios.TCSANOW)
            os.write(stdout, _QUESTION)
        except (termios.error, OSError):
            return
        self._deadline = time.monotonic() + patience

    def answer(self) -> tuple[str, str]:
        """How pictures will be drawn (kitty, sixel, half, none), and what was typed meanwhile."""
        if self._before is None:
            return self._kind, ""
        import termios

        heard = b""
        try:
            while not _ATTRIBUTES.search(heard):
                # at least one look, however long the loading took
                left = max(0.0, self._deadline - time.monotonic())
                if not select.select([self._stdin], [], [], left)[0]:
                    break
                if not (more := os.read(self._stdin, 4096)):
                    break
                heard += more
        except OSError:
            pass
        finally:
            termios.tcsetattr(self._stdin, termios.TCSANOW, self._before)
        kind, typed = understand(heard)
        if not _ATTRIBUTES.search(heard):
            self.begun = begun[0] if (begun := _BEGUN.search(typed)) else ""
            typed = typed.removesuffix(self.begun)
        return kind, typed


class LateAnswer:
    """Takes what remains of an answer out of what is typed, for ``MOST`` seconds or until it has all come.

    Whatever only looks like the beginning of one is typed after all when no more has come for ``PAUSE`` seconds:
    Esc, say.
    """

    MOST, PAUSE = 30.0, 0.02

    def __init__(self, begun: str = ""):
        self._held = begun
        self._since = self._began = time.monotonic()

    def typed(self, text: str) -> str:
        """What of a text just read is typing."""
        now = time.monotonic()
        if now - self._began > self.MOST:
            text, self._held = self._held + text, ""
            return text
        text, self._since = self._held + text, now
        if _LAST.search(text):
            self._began = -self.MOST
        text = _LATE.sub("", text)
        begun = _BEGUN.search(text)
        self._held = begun[0] if begun and self._began > 0 else ""
        return text.removesuffix(self._held)

    def waited(self) -> str:
        """What was held back long enough; nothing where it can be nothing but an answer."""
        if not self._held or time.monotonic() - self._since < self.PAUSE or len(self._held) > 2:
            return ""
        text, self._held = self._held, ""
        return text


def _may_answer(environ: os._Environ[str] | dict[str, str]) -> bool:
    if environ.get("TMUX") or environ.get("STY") or "NO_COLOR" in environ:
        return False
    term = environ.get("TERM", "")
    return not term.startswith(("screen", "tmux", "dumb", "linux", "vt")) and term != ""


def drawn_on() -> TextIO:
    """Where the terminal is written to: stderr, as Textual has it, or stdout where that alone is the terminal."""
    files = [file for file in (sys.__stderr__, sys.__stdout__) if file is not None]
    return next((file for file in files if file.isatty()), files[0])


def has_braille() -> bool:
    """Whether lines can be made of braille: Linux's console has no glyphs for it, some encodings no bytes."""
    try:
        "⣿".encode(drawn_on().encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") != "linux"


def cell_size() -> tuple[int, int]:
    """Width and height of a cell in pixels, as the kernel knows them; 10 × 20 where it does not."""
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


def is_walled_in() -> bool:
    """Whether this is a tmux that lets nothing through to the terminal outside; before 3.3 all of them let."""
    if not os.environ.get("TMUX"):
        return False
    import subprocess

    asked = ["tmux", "show-options", "-Apv", "allow-passthrough"]
    try:
        told = subprocess.run(asked, capture_output=True, stdin=subprocess.DEVNULL, timeout=2.0, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return told.returncode == 0 and told.stdout.strip() == b"off"


def understand(heard: bytes) -> tuple[str, str]:
    """The answer and, without it, what was typed."""
    kitty, attributes = _KITTY.search(heard), _ATTRIBUTES.search(heard)
    kind = "half"
    if kitty and kitty[1] == b"OK":
        kind = "kitty"
    elif attributes and b"4" in attributes[1].split(b";")[1:]:
        kind = "sixel"
    typed = _ATTRIBUTES.sub(b"", _KITTY.sub(b"", heard))
    return kind, typed.decode("utf-8", "ignore")
