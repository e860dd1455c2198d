"""Textual's terminal driver with three differences.

A lone Esc is recognised after ``ESCDELAY`` rather than at the next tenth of a second, a late reply of the terminal
is not taken for typing, and the app draws on stdout where stderr is redirected.
"""

from __future__ import annotations

import contextlib
import os
import select
from codecs import getincrementaldecoder
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import constants

from gentui.tui.terminal import output_file
from gentui.tui.textual_private.core import HookedDriver, ParseError, XTermParser

if TYPE_CHECKING:
    from textual.message import Message

    from gentui.tui.terminal import LateAnswerFilter

KEEP_TITLE, RESTORE_TITLE = ("", "") if os.environ.get("TERM") == "linux" else ("\x1b[22;2t", "\x1b[23;2t")
"""Have the terminal keep its title, and give it back: sequences of xterm, which others ignore."""
POLL_SECONDS = 0.1
"""How often the input thread checks whether the app has ended."""


class PromptDriver(HookedDriver):
    """Reads the terminal in a thread and posts its events. ``late_answer`` filters a reply that is still due."""

    late_answer: ClassVar[LateAnswerFilter | None] = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, output=output_file(), **options)

    def start_application_mode(self) -> None:
        super().start_application_mode()
        self.write(KEEP_TITLE)

    def stop_application_mode(self) -> None:
        self.write(RESTORE_TITLE)
        super().stop_application_mode()

    def run_input_thread(self) -> None:
        late = PromptDriver.late_answer
        parser = XTermParser(self.is_debugging) if late is None else _FilteringParser(late, self.is_debugging)
        decode = getincrementaldecoder("utf-8")().decode
        wait = POLL_SECONDS
        try:
            while not self.exit_event.is_set():
                data = ""
                if select.select([self.fileno], [], [], wait)[0]:
                    data = decode(os.read(self.fileno, 4096))
                    for event in parser.feed(data) if data else ():
                        self.process_message(event)
                wait = constants.ESCAPE_DELAY if data.endswith("\x1b") else POLL_SECONDS
                for event in parser.tick():
                    self.process_message(event)
        finally:
            with contextlib.suppress(EOFError, ParseError):
                for _ in parser.feed(""):
                    pass


class _FilteringParser(XTermParser):
    """Parses the input without the terminal's late reply."""

    def __init__(self, late: LateAnswerFilter, debug: bool = False) -> None:
        self._late = late
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        if not data or (data := self._late.feed(data)):  # feeding an empty string means end of input
            yield from super().feed(data)

    def tick(self) -> Iterable[Message]:
        if data := self._late.flush():
            yield from super().feed(data)
        yield from super().tick()
