"""Statuses, scores, progress bars and sparklines as text. A status is a glyph and a word, never a colour alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from gentui.runs.metric_names import short_name
from gentui.runs.scores import Scored, value_text
from gentui.text.numbers import duration, number

GLYPHS = {
    "queued": ("◌", "dim"),
    "running": ("●", "good"),
    "stalled": ("◐", "warn"),
    "done": ("✓", "good"),
    "stopped": ("■", "dim"),
    "failed": ("✗", "bad"),
    "interrupted": ("!", "warn"),
    "lost": ("?", "bad"),
}
"""Status -> (glyph, tone)."""
STYLES = {"good": "$success", "warn": "$warning", "bad": "$error", "dim": "$text-muted"}
"""Tone -> the theme variable of its colour."""

_SPARKS = "▁▂▃▄▅▆▇█"
SEVERITIES = {"error": "bad", "warning": "warn", "info": "dim"}
"""Severity of an alarm -> tone. Their glyphs are in ``gentui.runs.alarms``."""
LIVE = ("running", "stalled", "queued")


def status(word: str) -> tuple[str, str]:
    """Return a run's status as text, and its tone."""
    glyph, tone = GLYPHS.get(word, ("·", ""))
    return f"{glyph} {word}", tone


def score(scored: Scored) -> str:
    """Format a score in a few characters: ``FD 3.03 ± 0.22``, ``target acc 0.4943†``."""
    return f"{short_name(scored)} {value_text(scored, number)}"


def spark(values: Iterable[float]) -> str:
    """Return a sparkline with one cell per value, scaled from the smallest to the largest; blank where not finite."""
    values = list(values)
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    height = (len(_SPARKS) - 1) / (high - low) if 0 < high - low < math.inf else 0.0
    return "".join(_SPARKS[round((v - low) * height)] if math.isfinite(v) else " " for v in values)


def time_left(run: Any) -> str:
    """The time that remains to a live run: ``3m 20s``, ``> 3m 20s`` where no cost of its scores is known yet, ``–``."""
    if run.eta_s is None:
        return duration(None)
    return f"{'> ' if run.eta_is_partial else ''}{duration(run.eta_s)}"


def bar(fraction: float | None, width: int, ascii_only: bool = False) -> str:
    """Return a progress bar of ``width`` cells, filled in steps of an eighth of a cell. ``fraction``: 0 to 1."""
    fraction = min(1.0, max(0.0, fraction or 0.0))
    if ascii_only:
        full = int(fraction * width)
        return "#" * full + "-" * (width - full)
    eighths = int(fraction * width * 8)
    full, rest = divmod(eighths, 8)
    text = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return text + "░" * (width - len(text))
