"""How numbers, times and statuses read on the screen. A status is a glyph and a word, never a colour alone."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gentui.text.numbers import plus_minus

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


def duration(seconds: float | None) -> str:
    """``42s``, ``3m 20s``, ``5h 02m``, ``3d 04h``; a dash when unknown."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "–"
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if seconds < 86400:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600:02d}h"


def number(value: float | None, digits: int = 4) -> str:
    """Four significant digits, without needless zeros or exponents."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) >= 10**digits or abs(value) < 1e-3:
        if abs(value) >= 10**digits and abs(value) < 1e6:
            return f"{value:.0f}"
        mantissa, _, exponent = f"{value:.{digits - 2}e}".partition("e")
        if "." in mantissa:
            mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.{digits}g}"


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


def count(value: float | None) -> str:
    """``950``, ``12.3k``, ``1.20M``."""
    if value is None:
        return "–"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if unit == "k" else size)
            return f"{scaled:.3g}{unit}"
    return f"{value:.0f}"


def rate(images_per_s: float | None) -> str:
    if not images_per_s:
        return "–"
    return (
        f"{count(round(images_per_s) if images_per_s >= 10 else images_per_s)} img/s"
        if (images_per_s >= 10)
        else f"{images_per_s:.1f} img/s"
    )


def energy(joules: float | None) -> str:
    """``850 Wh``, ``1.2 kWh``."""
    if joules is None:
        return "–"
    hours = joules / 3600
    return f"{number(hours / 1000, 3)} kWh" if hours >= 1000 else f"{number(hours, 3)} Wh"


def setting(value: object) -> str:
    """A setting as a recipe writes it, nearly. It may be anything: clean it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def size(shape: tuple[int, int, int]) -> str:
    """C, H, W as ``28×28 grey`` or ``64×64 colour``."""
    channels, height, width = shape
    return f"{height}×{width} {'grey' if channels == 1 else 'colour'}"


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


def plural(n: int, word: str) -> str:
    return f"{n:,} {word}" + ("" if n == 1 else "s")
