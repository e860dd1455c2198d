"""Tuning of the garbage collector and of the switching between threads, so that keys are answered promptly.

A full collection visits every object and stops all threads for a tenth of a second or more, and Python may start one at
any moment. So the objects loaded at the start, which live as long as the app, are excluded from collection, and full
collections, mostly of screens that were left, wait for a pause in the typing.
"""

from __future__ import annotations

import gc
import sys
import time

THRESHOLDS = 10_000, 4, 100
"""Thresholds of ``gc.set_threshold`` for the three generations."""
DUE_AFTER = 25
"""Collections of the middle generation after which a full collection is due."""
PAUSE = 2.0
"""Seconds without a key after which a full collection may run."""
SWITCH_INTERVAL = 0.0005
"""Seconds that a busy thread keeps the interpreter while another waits; the app's loop waits for it at every event."""

_last_key_at = 0.0
_is_enabled = False


def hold() -> None:
    """Collect nothing until the tuning is enabled: what the start makes up to the first frame stays."""
    gc.disable()


def enable() -> None:
    """Apply the tuning to this process. Until then ``freeze`` and ``collect_if_idle`` have no effect."""
    global _is_enabled
    _is_enabled = True
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.set_threshold(*THRESHOLDS)
    freeze()
    gc.enable()


def freeze() -> None:
    """Exclude all current objects from garbage collection (``gc.freeze``)."""
    if _is_enabled:
        gc.freeze()


def note_key() -> None:
    """Record that a key was pressed now."""
    global _last_key_at
    _last_key_at = time.monotonic()


def collect_if_idle() -> None:
    """Run a full collection if one is due and no key was pressed for ``PAUSE`` seconds."""
    if _is_enabled and gc.get_count()[2] >= DUE_AFTER and time.monotonic() - _last_key_at > PAUSE:
        gc.collect()
