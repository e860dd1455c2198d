"""Textual's driver of a terminal, but for a lone Esc, which it looks for every tenth of a second only."""

from __future__ import annotations

import contextlib
import os
import select
from codecs import getincrementaldecoder

from textual import constants
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

WAIT = 0.1
"""Seconds after which it is looked whether the app has ended."""


class PromptDriver(LinuxDriver):
    """Esc is told as soon as it can be none of the many sequences that begin with it."""

    def run_input_thread(self) -> None:
        parser = XTermParser(self._debug)
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
