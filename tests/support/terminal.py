"""The app in a real pseudo-terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.emulator import Emulator


class Terminal(Emulator):
    """The app in a pty."""

    def __init__(self, home: Path, columns: int = 80, rows: int = 24, images: str = "half", **env: str):
        command = [sys.executable, "-m", "gentui", "--images", images]
        super().__init__(command, columns, rows, GENTUI_HOME=str(home), **env)


@pytest.fixture
def terminal(home: Path):
    opened: list[Terminal] = []

    def open_terminal(**options) -> Terminal:
        opened.append(Terminal(home, **options))
        return opened[-1]

    yield open_terminal
    for t in opened:
        t.close()
