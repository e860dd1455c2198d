"""Textual's driver of a terminal, but for a lone Esc, which it looks for every tenth of a second only, for an answer of
the terminal's that comes late, which it takes for typing, and for a stderr that goes elsewhere, which it draws on."""

from __future__ import annotations

import contextlib
import os
import select
from codecs import getincrementaldecoder
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import constants

from gentui.tui.terminal import drawn_on
from gentui.tui.textual_private.core import HookedDriver, ParseError, XTermParser

if TYPE_CHECKING:
    from textual.message import Message

    from gentui.tui.terminal import LateAnswer

WAIT = 0.1
"""Seconds after which it is looked whether the app has ended."""


class PromptDriver(HookedDriver):
    """Esc is told as soon as it can be none of the many sequences that begin with it. ``late``: what keeps an answer
    that is still owed from the app."""

    late: ClassVar[LateAnswer | None] = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, output=drawn_on(), **options)

    def run_input_thread(self) -> None:
        late = PromptDriver.late
        parser = XTermParser(self.is_debugging) if late is None else _Expecting(late, self.is_debugging)
        decode = getincrementaldecoder("utf-8")().decode
        wait = WAIT
        try:
            while not self.exit_event.is_set():
                data = ""
                if select.select([self.fileno], [], [], wait)[0]:
                    data = decode(os.read(self.fileno, 4096))
                    for event in parser.feed(data) if data else ():
                        self.process_message(event)
                wait = constants.ESCAPE_DELAY if data.endswith("\x1b") else WAIT
                for event in parser.tick():
                    self.process_message(event)
        finally:
            with contextlib.suppress(EOFError, ParseError):
                for _ in parser.feed(""):
                    pass


class _Expecting(XTermParser):
    """Reads what of the text is typing."""

    def __init__(self, late: LateAnswer, debug: bool = False) -> None:
        self._late = late
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        if not data or (data := self._late.typed(data)):  # nothing at all would be the end
            yield from super().feed(data)

    def tick(self) -> Iterable[Message]:
        if data := self._late.waited():
            yield from super().feed(data)
        yield from super().tick()
