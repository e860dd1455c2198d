"""A mistake in one screen is told and written down, the screen is left, and the app goes on.

Textual ends the app at any exception in a handler, and the widget whose handler it was hears nothing more.
So the screen that holds it is taken away, and made anew when it is next asked for.
"""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import __version__ as textual_version
from textual.await_complete import AwaitComplete
from textual.events import InputEvent, Paste
from textual.screen import Screen
from textual.worker import WorkerFailed

from gentui import __version__
from gentui.text.sanitize import clean, clean_lines
from gentui.tui.key_queue import KeyQueueApp
from gentui.tui.textual_private import core, patches

if TYPE_CHECKING:
    from textual.message import Message

LARGEST = 1 << 20
"""Bytes at which the file of crashes is begun anew."""

TOO_MANY, WITHIN = 8, 20.0
"""So many crashes within so many seconds are no accident of one screen: the app ends, as Textual would."""


class CrashGuardedApp(KeyQueueApp):
    """``crashes`` are the sentences told so far. ``home`` is where the tracebacks go."""

    home: Path

    def __init__(self, **options: Any) -> None:
        patches.apply()
        super().__init__(**options)
        self.crashes: list[str] = []
        self._crashed_at: deque[float] = deque(maxlen=TOO_MANY)
        self._leaving: set[Screen[Any]] = set()
        self._is_up = False

    def pop_screen(self) -> AwaitComplete:
        """As Textual's, but a second Esc before the first is done finds nothing to leave, which is no mistake."""
        return super().pop_screen() if len(self.screen_stack) > 1 else AwaitComplete.nothing()

    async def dispatch_message(self, message: Message) -> None:
        """Keys run the actions of screens in the app's own loop, which must not end with them."""
        if isinstance(message, InputEvent | Paste):
            if not self.screen_stack:
                return  # typed after the one that quit
            self._is_up = self._is_up or self.screen.is_mounted  # whoever types sees it
        try:
            await super().dispatch_message(message)
        except Exception as error:
            self._survive(error, None)

    def handle_exception(self, error: Exception) -> None:
        """What Textual calls for an exception in a handler, a timer, or while drawing."""
        self._survive(error, self._screen_of(error))

    def _screen_of(self, error: Exception) -> Screen[Any] | None:
        if isinstance(error, WorkerFailed):  # its widget goes on
            return None
        try:
            pump: Any = core.current_message_pump()
            return self.screen if pump is self else pump.screen
        except Exception:  # not below a screen any more
            return self.screen if self.screen_stack else None

    def _survive(self, error: Exception, screen: Screen[Any] | None) -> None:
        """Write down and tell; leave ``screen`` where its loop has ended or it cannot be drawn."""
        if screen is not None and screen in self._leaving:  # one mistake is often met in many widgets at once
            return
        now = time.monotonic()
        self._crashed_at.append(now)
        often = len(self._crashed_at) == TOO_MANY and now - self._crashed_at[0] < WITHIN
        if often or not self._is_up or not self.is_running:
            write(self.home, error, type(screen).__name__)
            super().handle_exception(error)
            return
        on = screen if screen is not None else self.screen
        written = write(self.home, error, type(on).__name__)
        cause = error.error if isinstance(error, WorkerFailed) else error
        told = clean(f"{type(cause).__name__}: {cause}".rstrip(": "), 160)
        place = f"the traceback is in {written}" if written else "its traceback could not be written"
        left = "; the screen was left" if screen is not None else ""
        sentence = f"Something here is broken ({told}){left}; {place}. Training goes on."
        self.crashes.append(sentence)
        if screen is not None:
            self._leaving.add(screen)
            self.call_later(self._leave, screen, sentence)
        else:
            self._tell(sentence)

    def _tell(self, sentence: str) -> None:
        self.notify(
            clean(sentence, 1000), title="A mistake of gentui's own", severity="error", timeout=30, markup=False
        )

    async def _leave(self, screen: Screen[Any], sentence: str) -> None:
        stacks = core.screen_stacks(self)
        mode = next((name for name, stack in stacks.items() if screen in stack), None)
        try:
            if mode is None:
                return
            stack = stacks[mode]
            if mode == self.current_mode:
                while len(stack) > 1 and screen in stack:
                    await self.pop_screen()
            if screen in stack and (made := core.modes(self).get(mode)) is not None:
                if mode == self.current_mode:
                    await self.switch_mode(next(name for name in core.modes(self) if name != mode))
                await self.remove_mode(mode)
                self.add_mode(mode, made)
        finally:
            self._leaving.discard(screen)
            self._tell(sentence)  # there, not on what has gone


def write(home: Path, error: Exception, where: str) -> Path | None:
    """Append the traceback to ``crash.log``; None where it cannot be written."""
    path = home / "crash.log"
    head = (
        f"--- {time.strftime('%Y-%m-%d %H:%M:%S %z')}  gentui {__version__}, Textual {textual_version}, "
        f"Python {platform.python_version()}, pid {os.getpid()}, {where}\n"
    )
    told = "\n".join(clean_lines("".join(traceback.format_exception(error))))
    text = f"{head}{told}\n"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        if path.exists() and path.stat().st_size > LARGEST:
            flags |= os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return None
    return path
