"""CSV tables in a spreadsheet: no text of a run is a formula, and numbers stay numbers."""

from __future__ import annotations

import csv
import io

import pytest

from gentui.export.formats import to_csv
from gentui.export.rows import Row

FORMULA = "HYPERLINK(0)"


@pytest.mark.parametrize(
    "begin", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", " \t@", "\u00a0=", "\ufeff=", "＝"]
)
def test_the_name_of_a_run_is_never_a_formula_in_an_exported_table(gentui, make_run, begin):
    make_run(name=f"{begin}{FORMULA}", scores=(2.5,))
    exported = gentui("export", "-f", "csv")
    (name,) = [row["name"] for row in csv.DictReader(io.StringIO(exported.stdout)) if row["kind"] == "run"]
    assert name.startswith("'") and name.endswith(FORMULA)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\t=", "\r\n+", "\x0b@"])
def test_no_cell_of_text_begins_like_a_formula(begin):
    (row,) = csv.DictReader(io.StringIO(to_csv([Row(kind="run", name=begin + "1")]), newline=""))
    assert row["name"] == "'" + begin.replace("\r\n", "\n") + "1"


def test_numbers_stay_numbers():
    row = Row(
        kind="run", value=-1.5, seed=-3, step=0, seconds=1e-7, images_per_s=float("-inf"), name="plain = text"
    )
    (cells,) = csv.DictReader(io.StringIO(to_csv([row])))
    told = {column: cells[column] for column in ("value", "seed", "step", "seconds", "images_per_s", "name")}
    assert told == {
        "value": "-1.5", "seed": "-3", "step": "0", "seconds": "1e-07", "images_per_s": "-inf", "name": "plain = text",
    }  # fmt: skip
