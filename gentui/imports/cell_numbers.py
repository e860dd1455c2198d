"""Numbers in the cells of a table, whichever decimal mark and thousands separators its program or country uses."""

from __future__ import annotations

import math
import re

_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "’": "'", "\u2212": "-"})
_GROUPED = re.compile(r"([+-]?\d{1,3})((?:[ ']\d{3})+)(?!\d)")
_SHAPE = re.compile(r"[+-]?(\d*)((?:[.,]\d+)*)[.,]?(?:e[+-]?\d+)?", re.IGNORECASE)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_OTHER = {".": ",", ",": "."}
_WORDS = {
    "nan": math.nan, "-nan": math.nan, "+nan": math.nan, "nan(ind)": math.nan, "-nan(ind)": math.nan,
    "1.#qnan": math.nan, "-1.#ind": math.nan, "1.#ind": math.nan, "-1.#qnan": math.nan,
    "inf": math.inf, "+inf": math.inf, "infinity": math.inf, "+infinity": math.inf, "∞": math.inf, "1.#inf": math.inf,
    "-inf": -math.inf, "-infinity": -math.inf, "-∞": -math.inf, "-1.#inf": -math.inf, "true": 1.0, "false": 0.0,
}  # fmt: skip
_MISSING = {"", "-", "na", "n/a", "#n/a", "<na>", "null", "none", "nil"}


def is_missing(cell: str) -> bool:
    """Whether the cell stands for no value."""
    return cell.lower() in _MISSING


def decimal_mark(cell: str) -> str:
    """The decimal mark that a number with a point or comma shows: ``.`` or ``,``; ``?`` if it may be either.

    ``0.5`` and ``1,234.5`` have a point, ``0,5`` and ``1.234,5`` a comma; ``1,234`` may be either. "" if the cell shows
    neither mark or is not a number.
    """
    shape = _SHAPE.fullmatch(cell)
    if shape is None or not shape[2]:
        return "." if shape and shape[1] and cell.rstrip("0123456789eE+-").endswith(".") else ""
    marks = [mark for mark in shape[2] if not mark.isdigit()]
    groups = re.split("[.,]", shape[2])[1:]
    is_exponent = "e" in cell.lower()
    could_be_thousands = 1 <= len(shape[1]) <= 3 and shape[1][0] != "0"
    if len(marks) == 1:
        return "?" if could_be_thousands and len(groups[0]) == 3 and not is_exponent else marks[0]
    *thousands, last = marks
    if not could_be_thousands or any(len(group) != 3 for group in groups[:-1]):
        return ""
    if last in thousands:
        return _OTHER[last] if len(set(marks)) == 1 and len(groups[-1]) == 3 else ""
    return last if len(set(thousands)) == 1 else ""


class CellNumbers:
    """Reads the cells of one table. Which mark an ambiguous number such as ``1,234`` has is told by the others.

    A column's own unambiguous cells decide, else those of the other columns if they agree, else ``default``, the mark
    of a lone comma: thousands in a table separated by commas, decimals otherwise.
    """

    def __init__(self) -> None:
        self.comma = "."
        self._marks: dict[str, str] = {}
        self._assumed: dict[str, set[tuple[str, str]]] = {}

    def rewind(self) -> None:
        self._assumed.clear()

    def is_misread(self) -> bool:
        """Whether an ambiguous number was read with another mark than is known now."""
        return any(
            self._mark(column, of) != mark for column, taken in self._assumed.items() for of, mark in taken
        )

    def number(self, column: str, cell: str) -> float | int | None:
        """The number in a cell; None for a text. Raises OverflowError if it is too large for a float."""
        if cell.isdigit() and cell.isascii():
            if len(cell) > 400:
                raise OverflowError
            return int(cell)
        if self._marks.get(column) == "." and "," not in cell and "_" not in cell:
            try:
                if not math.isinf(number := float(cell)):
                    return number
            except ValueError:
                pass
        if (word := _WORDS.get(cell.lower())) is not None:
            return word
        cell = cell.translate(_SPACES)
        if " " in cell or "'" in cell:
            cell = _GROUPED.sub(lambda found: found[1] + found[2].replace(" ", "").replace("'", ""), cell)
        shown = decimal_mark(cell)
        if shown == "?":
            of = "," if "," in cell else "."
            mark = self._mark(column, of)
            self._assumed.setdefault(column, set()).add((of, mark))
        else:
            mark = shown
            if mark:
                self._marks.setdefault(column, mark)
        if mark:
            cell = cell.replace(_OTHER[mark], "").replace(",", ".")
        if _PLAIN.fullmatch(cell) is None:
            return None
        number = float(cell)
        if math.isinf(number):
            raise OverflowError
        return (
            int(cell)
            if number.is_integer() and abs(number) >= 2**53 and cell.lstrip("+-").isdigit()
            else number
        )

    def _mark(self, column: str, of: str) -> str:
        """The decimal mark of an ambiguous number in the column that contains ``of``."""
        if column in self._marks:
            return self._marks[column]
        known = set(self._marks.values())
        if len(known) == 1:
            return known.pop()
        return self.comma if of == "," else "."
