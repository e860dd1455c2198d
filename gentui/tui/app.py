"""Starting the terminal app; what the command line calls."""

from __future__ import annotations

import os
from pathlib import Path


def run(home: Path, images: str = "auto", low_bandwidth: bool = False, at: str = "") -> int:
    """The terminal app over ``home``, opened at its menu or ``at`` a run. ``images``: auto, kitty, sixel, half or none.
    Returns the exit code."""
    from gentui.config import preferences
    from gentui.tui.terminal import LateAnswer, Question, has_braille

    liked = preferences.read()
    images = liked.images if images == "auto" else images
    low_bandwidth = low_bandwidth or liked.low_bandwidth

    for stale in ("COLUMNS", "LINES"):  # where exported, they hide every resize from Textual
        os.environ.pop(stale, None)
    if low_bandwidth:
        images = "half" if images == "auto" else images
        os.environ.setdefault("GENTUI_PLOT", "ascii")
    else:  # what a terminal sends for one key comes together; over a slow line it may not
        os.environ.setdefault("ESCDELAY", "25")
        os.environ.setdefault("TEXTUAL_FPS", "240")  # at 60, most of what a key waits for is the next paint
    if liked.lines:
        os.environ.setdefault("GENTUI_PLOT", liked.lines)
    if not has_braille():
        os.environ.setdefault("GENTUI_PLOT", "ascii")
    question = Question(images)  # the terminal answers while Textual loads
    try:
        from gentui.tui.workbench import GentuiApp
    finally:
        kind, typed = question.answer()
    if question.begun is not None:
        from gentui.tui.driver import PromptDriver

        PromptDriver.late = LateAnswer(question.begun)
    return GentuiApp(home, kind, typed, low_bandwidth, at).run() or 0
