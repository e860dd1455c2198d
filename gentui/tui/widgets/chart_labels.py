"""Labels of the ticks of an axis: as short as they can be, with every digit that tells them apart.

A tick is a whole number of units, each a power of ten, so that no label shows what binary fractions make of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gentui.text import numbers

_UNITS = ((3, "k"), (6, "M"), (9, "G"), (12, "T"))
_LEAST_SCALED = 4
"""Powers of ten from which on a label may have a unit: 9000, but 10k."""
_MOST_ZEROS = 9
"""Zeros that a label without an exponent may have beside its digits."""
TENTH = 10
"""Ticks of an axis of time are counted in tenths of a second."""


@dataclass(frozen=True)
class Labels:
    """One text for each tick, and ``offset``, a number that is to be added to each; "" if there is none."""

    texts: tuple[str, ...]
    offset: str = ""

    @property
    def width(self) -> int:
        """Cells of the longest."""
        return max(map(len, self.texts), default=0)


def labels_of(ticks: Sequence[int], power: int, room: int = 1_000) -> Labels:
    """Label the numbers ``tick × 10**power``. Where they would be longer than ``room`` cells and have their first
    digits in common, those are the offset."""
    if not ticks:
        return Labels(())
    ticks = list(ticks)
    while any(ticks) and all(tick % 10 == 0 for tick in ticks):
        ticks, power = [tick // 10 for tick in ticks], power + 1
    best = Labels(_shortest(ticks, power))
    if best.width <= room or len(ticks) < 2 or min(ticks) <= 0 <= max(ticks):
        return best
    span, shared = max(ticks) - min(ticks), 1
    while shared <= span:
        shared *= 10
    offset = min(ticks) // shared * shared
    rest = Labels(tuple(f"+{text}" for text in _shortest([tick - offset for tick in ticks], power)))
    if not offset or rest.width >= best.width:
        return best
    return Labels(rest.texts, _shortest([offset], power)[0])


def _shortest(ticks: list[int], power: int) -> tuple[str, ...]:
    """The best of the ways to write them: in full, with a unit, with an exponent. One in full is preferred to one
    that is a cell shorter."""
    digits = max(len(str(abs(tick))) for tick in ticks)
    exponent = digits - 1 + power
    ways = [(1, _scientific(ticks, power, exponent))]
    if power <= _MOST_ZEROS and -power <= digits + _MOST_ZEROS:
        ways.append((0, [fixed(tick, power) for tick in ticks]))
        ways += [
            (1, [fixed(tick, power - size) + unit if tick else "0" for tick in ticks])
            for size, unit in _UNITS
            if exponent >= max(size, _LEAST_SCALED)
        ]
    cost = [(max(map(len, texts)) + extra, extra) for extra, texts in ways]
    return tuple(ways[cost.index(min(cost))][1])


def _scientific(ticks: list[int], power: int, exponent: int) -> list[str]:
    return [f"{fixed(tick, power - exponent)}e{exponent}" if tick else "0" for tick in ticks]


def fixed(number: int, power: int) -> str:
    """``number × 10**power`` in full: ``0.050`` for 50 and -3."""
    if power >= 0:
        return str(number * 10**power)
    digits = str(abs(number)).rjust(1 - power, "0")
    return f"{'-' if number < 0 else ''}{digits[:power]}.{digits[power:]}"


def exactly(value: float, room: int) -> str:
    """A number with as many of its digits as fit, at most ten: what a constant is."""
    texts = (
        f"{value or 0.0:.{digits}g}".replace("e+", "e").replace("e-0", "e-") for digits in range(10, 1, -1)
    )
    return next((text for text in texts if len(text) <= room), numbers.number(value, 2))


def durations(ticks: Sequence[int], interval: int) -> Labels:
    """Label times in tenths of a second that are so much apart: ``90s``, ``1h 30m``, with the units that tell them
    apart."""
    return Labels(tuple(_duration(tick, interval) for tick in ticks))


def _duration(tenths: int, interval: int) -> str:
    if not tenths:
        return "0s"
    sign, tenths = ("-" if tenths < 0 else ""), abs(tenths)
    if interval % TENTH:
        whole, part = divmod(tenths, TENTH)
        seconds, decimals = whole, f".{part}"
    else:
        seconds, decimals = tenths // TENTH, ""
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    if seconds or decimals:
        parts.append(f"{seconds}{decimals}s")
    return sign + " ".join(parts)
