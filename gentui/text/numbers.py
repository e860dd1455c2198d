"""Numbers, durations, counts and sizes as text: the one place that says how each is written.

Two functions may write the same quantity on purpose: the app pads and shortens for a glance (``number``, ``duration``),
while tables on stdout stay parseable (``plain_number``, ``clock``).
"""

from __future__ import annotations

import math
from collections.abc import Callable

UNKNOWN = "–"
"""What the app shows for a value that is not known. On the command line such a cell is empty."""
GIB = 1 << 30
_MOST_DECIMALS = 6


def real(value: object) -> float | None:
    """A number of a file that anybody may have written, as a float: infinite if it is a whole number beyond any float.
    None for anything else, and for true and false."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number(value: float | None, digits: int = 4) -> str:
    """``0.3982``, ``2e-4``, ``12345``: significant digits without needless zeros or exponents."""
    if value is None:
        return UNKNOWN
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


def plain_number(value: float | int | None, digits: int = 4) -> str:
    """Like ``number``, but as other programs read it: integers in full, ``1e-5``, ``nan``; empty for None."""
    if value is None:
        return ""
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < 1e15):
        return f"{int(value)}"
    return significant(value, digits)


def significant(value: float, digits: int = 4) -> str:
    """``value`` with ``digits`` significant digits, nearly as ``%g`` writes it: ``1e-5``, not ``1e-05``."""
    return short_exponent(f"{value:.{digits}g}")


def short_exponent(text: str) -> str:
    """A number as people type it: ``1e-5`` for ``1e-05``, ``2e20`` for ``2e+20``."""
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def plus_minus(value: float, spread: float | None, number: Callable[[float], str]) -> str:
    """``12.30 ± 0.41``: the spread to two digits, the value to as many decimals; ``number(value)`` without a spread."""
    if spread is None:
        return number(value)
    if math.isfinite(value) and math.isfinite(spread) and spread > 0 and abs(value) < 1e9:
        places = max(0, 1 - math.floor(math.log10(spread)))
        if places <= _MOST_DECIMALS:
            return f"{value:.{places}f} ± {spread:.{places}f}"
    return f"{number(value)} ± {number(spread)}"


def setting(value: object) -> str:
    """A recipe's setting, nearly as TOML writes it. Strings come from the user: sanitise the result before display."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return str(value).lower()
    return short_exponent(f"{value:g}") if isinstance(value, float) else str(value)


def duration(seconds: float | None) -> str:
    """``42s``, ``3m 20s``, ``5h 02m``, ``3d 04h``; a dash if unknown."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return UNKNOWN
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if seconds < 86400:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600:02d}h"


def clock(seconds: float | None) -> str:
    """``1:02:03``, ``2:03``: a duration for tables and logs; empty if unknown."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    minutes, second = divmod(max(0, round(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def whole_seconds(seconds: float) -> str:
    """``1,234 s``; below ten seconds with two digits, ``3.2 s``."""
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def count(value: float | None) -> str:
    """``950``, ``12.3k``, ``1.20M``."""
    if value is None:
        return UNKNOWN
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if unit == "k" else size)
            return f"{scaled:.3g}{unit}"
    return f"{value:.0f}"


def plural(n: int, word: str) -> str:
    """``1 run``, ``1,200 runs``. ``word`` is an English noun whose plural ends in s."""
    return f"{n:,} {word}" + ("" if n == 1 else "s")


def rate(images_per_s: float | None) -> str:
    """``950 img/s``, ``12.3k img/s``, ``3.4 img/s``."""
    if not images_per_s:
        return UNKNOWN
    if images_per_s >= 10:
        return f"{count(round(images_per_s))} img/s"
    return f"{images_per_s:.1f} img/s"


def full_rate(images_per_s: float | None) -> str:
    """``1,234 images/s``; empty if unknown or zero."""
    return f"{images_per_s:,.0f} images/s" if images_per_s else ""


def energy(joules: float | None) -> str:
    """``850 Wh``, ``1.2 kWh``."""
    if joules is None:
        return UNKNOWN
    hours = joules / 3600
    return f"{number(hours / 1000, 3)} kWh" if hours >= 1000 else f"{number(hours, 3)} Wh"


def gib(size: int) -> str:
    """Bytes in GiB, without the unit: ``12.3``, from 100 on ``128``."""
    return f"{size / GIB:.1f}" if size < 100 * GIB else f"{size / GIB:.0f}"


def size(number: int) -> str:
    """Bytes with their unit: ``850 B``, ``4.1 MiB``, ``12.3 GiB``."""
    scaled, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if scaled < 1024:
            break
        scaled, unit = scaled / 1024, larger
    return f"{scaled:.0f} {unit}" if unit == "B" or scaled >= 100 else f"{scaled:.1f} {unit}"


def used_of_total(pair: tuple[int, int]) -> str:
    """``12.3/80.0 GiB`` for (used, total) bytes."""
    return f"{gib(pair[0])}/{gib(pair[1])} GiB"
