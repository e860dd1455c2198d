"""Start of the terminal app, for the command line."""

from __future__ import annotations

import os
from pathlib import Path


def run(home: Path, images: str = "auto", low_bandwidth: bool = False, at: str = "") -> int:
    """Run the terminal app on ``home``, opened at the menu or at the run with the id ``at``. Return the exit code.

    ``images``: auto, kitty, sixel, half or none.
    """
    from gentui.config import preferences
    from gentui.tui import gc_tuning
    from gentui.tui.terminal import CapabilityQuery, LateAnswerFilter, has_braille

    gc_tuning.hold()
    preferred = preferences.read()
    images = preferred.images if images == "auto" else images
    low_bandwidth = low_bandwidth or preferred.low_bandwidth

    for name in ("COLUMNS", "LINES"):  # if exported, they hide every resize from Textual
        os.environ.pop(name, None)
    if low_bandwidth:
        images = "half" if images == "auto" else images
        os.environ.setdefault("GENTUI_PLOT", "ascii")
    else:  # the bytes of one key arrive together, except over a slow line; tmux waits as long by default
        os.environ.setdefault("ESCDELAY", "10")
        os.environ.setdefault("TEXTUAL_FPS", "240")  # at 60, most of what a key waits for is the next paint
    if preferred.lines:
        os.environ.setdefault("GENTUI_PLOT", preferred.lines)
    if not has_braille():
        os.environ.setdefault("GENTUI_PLOT", "ascii")
    query = CapabilityQuery(images)  # the terminal answers while all that the first frame needs is imported
    try:
        from gentui.tui.driver import PromptDriver
        from gentui.tui.screens import home as first_screen  # noqa: F401
        from gentui.tui.workbench import GentuiApp
    finally:
        kind, typed = query.result()
    if query.partial_reply is not None:
        PromptDriver.late_answer = LateAnswerFilter(query.partial_reply)
    return GentuiApp(home, kind, typed, low_bandwidth, at).run() or 0
