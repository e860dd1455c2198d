"""Statuses, scores, bars and sparklines as text with a tone. A status is a glyph and a word, never a colour alone."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gentui.text.numbers import number, plus_minus

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
STYLES = {"good": "$success", "warn": "$warning", "bad": "$error", "dim": "$text-muted", "accent": "$accent"}
"""Tones in running text."""

_SPARKS = "▁▂▃▄▅▆▇█"
SEVERITIES = {"error": "bad", "warning": "warn", "info": "dim"}
"""Tones of alarms; their signs are in ``gentui.runs.alarms``."""
LIVE = ("running", "stalled", "queued")


def status(word: str) -> tuple[str, str]:
    """A status as text and tone."""
    glyph, tone = GLYPHS.get(word, ("·", ""))
    return f"{glyph} {word}", tone


def score(metric: str, value: float, std: float | None = None) -> str:
    """A score in a few cells: ``fid 102``, ``target acc 0.4943``. ``metric`` is clean text."""
    return f"{metric.replace('accuracy', 'acc').replace('_', ' ')} {plus_minus(value, std, number)}"


def spark(values: Iterable[float]) -> str:
    """A curve one cell high, a cell a value from the smallest to the largest; a gap where it is not finite."""
    values = list(values)
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    height = (len(_SPARKS) - 1) / (high - low) if 0 < high - low < math.inf else 0.0
    return "".join(_SPARKS[round((v - low) * height)] if math.isfinite(v) else " " for v in values)


def bar(fraction: float | None, width: int, ascii_only: bool = False) -> str:
    """A progress bar in exactly ``width`` cells, in eighths of a cell."""
    fraction = min(1.0, max(0.0, fraction or 0.0))
    if ascii_only:
        full = int(fraction * width)
        return "#" * full + "-" * (width - full)
    eighths = int(fraction * width * 8)
    full, rest = divmod(eighths, 8)
    text = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return text + "░" * (width - len(text))
