"""An error in one screen is reported and logged, that screen is left, and the app goes on.

Textual ends the app at any exception in a handler, and the widget whose handler raised it handles no more messages.
So the screen with that widget is removed, and made anew when it is next opened.
"""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

MAX_BYTES = 1 << 20
"""Size in bytes above which the crash log is started anew."""

CRASH_LIMIT, CRASH_WINDOW = 8, 20.0
"""This many errors within this many seconds end the app, as any error does in Textual."""


class CrashGuardedApp(KeyQueueApp):
    """An app that survives errors. ``crashes`` are the messages shown so far; tracebacks are written to ``home``."""

    home: Path

    def __init__(self, **options: Any) -> None:
        patches.apply()
        super().__init__(**options)
        self.crashes: list[str] = []
        self._crashed_at: deque[float] = deque(maxlen=CRASH_LIMIT)
        self._leaving: set[Screen[Any]] = set()
        self._is_up = False

    def pop_screen(self) -> AwaitComplete:
        """Pop the screen; do nothing at the last one, where a second Esc may arrive before the first is handled."""
        return super().pop_screen() if len(self.screen_stack) > 1 else AwaitComplete.nothing()

    async def dispatch_message(self, message: Message) -> None:
        """Dispatch a message. Keys run the actions of screens in the app's own loop, which must survive them."""
        if isinstance(message, InputEvent | Paste):
            if not self.screen_stack:
                return  # a key after the one that quit
            self._is_up = self._is_up or self.screen.is_mounted  # whoever types has seen the app
        try:
            await super().dispatch_message(message)
        except Exception as error:
            self.recover(error, None)

    def handle_exception(self, error: Exception) -> None:
        """Survive an exception in a handler, a timer, or rendering."""
        self.recover(error, self._screen_of(error))

    def _screen_of(self, error: Exception) -> Screen[Any] | None:
        if isinstance(error, WorkerFailed):  # its widget still handles messages
            return None
        try:
            pump: Any = core.current_message_pump()
            return self.screen if pump is self else pump.screen
        except Exception:  # the widget has been removed
            return self.screen if self.screen_stack else None

    def recover(self, error: Exception, screen: Screen[Any] | None) -> None:
        """Log and report an error, and leave ``screen``, if given: its loop has ended, or it cannot be drawn."""
        if screen is not None and screen in self._leaving:  # one error is often raised by many widgets at once
            return
        now = time.monotonic()
        self._crashed_at.append(now)
        is_repeated = len(self._crashed_at) == CRASH_LIMIT and now - self._crashed_at[0] < CRASH_WINDOW
        if is_repeated or not self._is_up or not self.is_running:
            write_crash(self.home, error, type(screen).__name__)
            super().handle_exception(error)
            return
        where = screen if screen is not None else self.screen
        path = write_crash(self.home, error, type(where).__name__)
        cause = error.error if isinstance(error, WorkerFailed) else error
        summary = clean(f"{type(cause).__name__}: {cause}".rstrip(": "), 160)
        place = f"the traceback is in {path}" if path else "its traceback could not be written"
        left = "; this screen was closed" if screen is not None else ""
        message = f"{summary}{left}; {place}. Training goes on."
        self.crashes.append(message)
        if screen is not None:
            self._leaving.add(screen)
            self.call_later(self._leave, screen, message)
        else:
            self._report(message)

    def _report(self, message: str) -> None:
        self.notify(clean(message, 1000), title="Error in gentui", severity="error", timeout=30, markup=False)

    async def _leave(self, screen: Screen[Any], message: str) -> None:
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
            self._report(message)  # now, on the screen that is shown next


def write_crash(home: Path, error: Exception, where: str) -> Path | None:
    """Append the traceback to ``crash.log``. Return its path, or None if it cannot be written."""
    from textual import __version__ as textual_version  # read from its package's metadata, which takes a while

    path = home / "crash.log"
    head = (
        f"--- {time.strftime('%Y-%m-%d %H:%M:%S %z')}  gentui {__version__}, Textual {textual_version}, "
        f"Python {platform.python_version()}, pid {os.getpid()}, {where}\n"
    )
    trace = "\n".join(clean_lines("".join(traceback.format_exception(error))))
    text = f"{head}{trace}\n"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        if path.exists() and path.stat().st_size > MAX_BYTES:
            flags |= os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return None
    return path
