"""The trash at a terminal: emptying it asks first."""

from __future__ import annotations

import sys

import pytest

from gentui.jobs import trash
from tests.support.emulator import Emulator


@pytest.mark.parametrize(("answer", "left"), [("n", 2), ("", 2), ("y", 0)])
def test_emptying_the_trash_asks_whoever_sits_there(home, gentui, make_run, answer, left):
    runs = [make_run().id for _ in range(2)]
    assert gentui("rm", *runs).returncode == 0
    terminal = Emulator([sys.executable, "-m", "gentui", "trash", "empty"], GENTUI_HOME=str(home))
    try:
        terminal.sees("Delete 2 runs for good")
        assert len(trash.trashed(home)) == 2
        terminal.press(answer, "Enter")
        terminal.sees("the trash is as it was" if left else "2 runs in the trash were deleted")
    finally:
        terminal.close()
    assert len(trash.trashed(home)) == left
