"""Tables at random, with restarts, passes, repeats and damage: followed in any pieces, they are what they are at once,
and no value is overwritten without being counted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gentui.imports.csv_table import CsvTable
from gentui.imports.log_entries import Entry, MetricPoint, Note, Skipped, Skips, StartOver
from gentui.imports.row_order import REPEATED

_COLUMNS = (["epoch", "loss", "acc"], ["loss"], ["loss", "acc", "note"], ["epoch", "loss"])
_NOTES = ("x", '"a\nb"', '"a""b"', "", '"open')


def table(chance: random.Random) -> bytes:
    """A table of up to 25 rows."""
    separator = chance.choice(",;\t|")
    mark = "." if separator == "," else chance.choice(".,")
    names = [chance.choice(["step", "step", "iter"]), *chance.choice(_COLUMNS)]
    lines, step, epoch = [separator.join(names)], 0, 0

    def cell(name: str) -> str:
        if name in ("step", "iter"):
            return str(step) if chance.random() < 0.95 else ""
        if name == "epoch":
            return str(epoch)
        if name == "note":
            return chance.choice(_NOTES)
        number = chance.choice([f"{chance.random() * 3:.3f}", f"{chance.randrange(5000)}.5", "nan", ""])
        return number.replace(".", mark)

    for _ in range(chance.randrange(1, 25)):
        match chance.randrange(12):
            case 0:
                step = max(0, step - chance.randrange(1, 6))
            case 1:
                step, epoch = chance.choice([0, step]), epoch + 1
            case 2:
                lines.append(chance.choice([lines[0], "# comment", ""]))
                step = max(0, step - chance.randrange(2))
            case 3:
                pass  # the same step again
            case _:
                step += 1
        cells = [cell(name) for name in names]
        cells = chance.choice([cells] * 20 + [cells[:-1], [*cells, "9"]])
        lines.append(separator.join(cells))
    text = "\n".join(lines) + chance.choice(["", "\n"])
    return text.replace("\n", chance.choice(["\n", "\r\n", "\r"])).encode(chance.choice(["utf-8", "utf-16"]))


def read(source: CsvTable, taken: list[Entry], to_end: bool) -> None:
    """Add what is new to what was taken, as the importer does."""
    for _ in range(20):
        try:
            taken.extend(source.entries())
            if to_end:
                taken.extend(source.last_entries())
            return
        except StartOver:
            taken.clear()
    raise AssertionError("it never settles")


def summary(taken: list[Entry]) -> tuple[dict, Skips, dict, list[str], int]:
    """Points, what was skipped, with examples, notes, and how many values were overwritten by others."""
    points: dict[tuple[int, str], str] = {}
    skips, notes, overwritten = Skips(), [], 0
    for entry in taken:
        match entry:
            case MetricPoint(step, _, values):
                for name, value in values.items():
                    overwritten += name != "epoch" and points.get((step, name), repr(value)) != repr(value)
                    points[step, name] = repr(value)
            case Skipped():
                skips.add(entry)
            case Note(text):
                notes.append(text)
    return points, skips, skips.examples, notes, overwritten


@pytest.mark.parametrize("hundred", range(2))
def test_a_table_that_grows_in_any_pieces_is_what_it_is_at_once(tmp_path: Path, hundred: int):
    path = tmp_path / "table.csv"
    for seed in range(100 * hundred, 100 * hundred + 100):
        chance = random.Random(seed)
        data = table(chance)
        path.write_bytes(b"")
        source, followed = CsvTable(path, "table"), []
        for size in sorted(chance.choices(range(len(data)), k=6)):
            path.write_bytes(data[:size])
            read(source, followed, to_end=False)
        path.write_bytes(data)
        read(source, followed, to_end=True)
        source.close()
        source, at_once = CsvTable(path, "table"), []
        read(source, at_once, to_end=True)
        source.close()
        found = summary(at_once)
        assert summary(followed) == found, (seed, data)
        assert found[4] <= found[1][REPEATED], (seed, data)
