"""Garbage is looked for while nobody types, and threads take turns often.

A full collection goes through every object there is, for a tenth of a second and more, with all threads standing still,
and Python begins one at any moment. What was loaded for the start stays anyway: it is looked through no more. What
becomes garbage later, mostly screens that were left, waits for a pause in the typing.
"""

from __future__ import annotations

import gc
import sys
import time

YOUNG, MIDDLE, OLD = 10_000, 4, 100
"""New objects after which the youngest generation is looked through; how many times, until the next older one is."""
ENOUGH = 25  # times that the middle generation was looked through since the last full collection
PAUSE = 2.0  # seconds without a key
TURN = 0.0005
"""Seconds that a busy thread goes on when another waits; each time the loop of the screen looks for news, it waits."""

_typed_at = 0.0
_is_kept = False


def keep() -> None:
    """From now on, and for this process."""
    global _is_kept
    _is_kept = True
    sys.setswitchinterval(TURN)
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    loaded()


def loaded() -> None:
    """What there is now stays."""
    if _is_kept:
        gc.freeze()


def typed() -> None:
    """A key came just now."""
    global _typed_at
    _typed_at = time.monotonic()


def tidy() -> None:
    """Collect what there is, where that is due and nobody types."""
    if _is_kept and gc.get_count()[2] >= ENOUGH and time.monotonic() - _typed_at > PAUSE:
        gc.collect()
