"""What the terminal can draw. One question before the app starts, answered or not within a moment.

Asking is only worth it where the answer can be yes: not inside tmux or screen, which advertise what the
terminal outside may lack, and not without a terminal at both ends. Whatever the person typed meanwhile is
handed back, not eaten.
"""

from __future__ import annotations

import os
import re
import select
import sys
import time

CHOICES = ("auto", "kitty", "sixel", "half", "none")
PATIENCE = 0.15
"""Seconds for a silent terminal. Every real one answers the second question, so only a mute one costs this."""

_KITTY = re.compile(rb"\x1b_Gi=31;([^\x1b]*)\x1b\\")
_ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]*)c")
_QUESTION = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c"


def settle_images(wanted: str) -> tuple[str, str]:
    """How pictures will be drawn (kitty, sixel, half, none), and what was typed while asking."""
    if wanted != "auto":
        return wanted, ""
    if not (_is_tty(sys.__stdin__) and _is_tty(sys.__stdout__)) or not _may_answer(os.environ):
        return "half", ""
    return ask_terminal(sys.__stdin__.fileno(), sys.__stdout__.fileno())


def _is_tty(stream: object) -> bool:
    try:
        return bool(stream is not None and stream.isatty())  # type: ignore[attr-defined]
    except (ValueError, OSError):
        return False


def _may_answer(environ: os._Environ[str] | dict[str, str]) -> bool:
    if environ.get("TMUX") or environ.get("STY") or "NO_COLOR" in environ:
        return False
    term = environ.get("TERM", "")
    return not term.startswith(("screen", "tmux", "dumb", "linux", "vt")) and term != ""


def ask_terminal(stdin: int, stdout: int, patience: float = PATIENCE) -> tuple[str, str]:
    """Ask for kitty graphics, then for the attributes that every terminal tells (4 among them is sixel)."""
    import termios
    import tty

    before = termios.tcgetattr(stdin)
    heard = b""
    try:
        tty.setcbreak(stdin, termios.TCSANOW)
        os.write(stdout, _QUESTION)
        deadline = time.monotonic() + patience
        while not _ATTRIBUTES.search(heard):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdin], [], [], left)[0]:
                break
            if not (more := os.read(stdin, 4096)):
                break
            heard += more
    finally:
        termios.tcsetattr(stdin, termios.TCSANOW, before)
    return understand(heard)


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
