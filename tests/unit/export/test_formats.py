"""Every format holds what it was given, whatever the text, and parses with its own reader."""

import csv
import html.parser
import io
import json
import math
import re
import shutil
import subprocess

import pytest

from gentui.export.formats import FORMATS, SHOWN, to_csv, to_html, to_json, to_markdown
from gentui.export.latex import escape
from gentui.export.rows import COLUMNS, Row

NASTY = "A & B | 100% #1 ~ ^ \\ {x} $y$ <tag> \"q\" 'z' `w` [x] *y* _z_ --dash é ž ą 中 σ · × 🙂"

ROWS = [
    Row(
        kind="published", recipe="a_b", dataset="d", metric="fid", value=102.0, source=NASTY,
        protocol="as published",
    ),
    Row(
        kind="run", run="20250101-000000-abcde", name=NASTY, recipe="a_b", family="diffusion", dataset="d",
        quick=True, stand_in_for="e", status="done", seed=3, step=100, metric="fid",
        value=12.3456789012345,
        protocol="fid · digits-cnn@1a2b3c4d · n=500", samples=500, extractor="digits-cnn@1a2b3c4d",
        split="train", floor=1.9, published=102.0, published_protocol="p", source="s", images_per_s=812.25,
        seconds=61.25,
    ),
    Row(
        kind="run", run="20250101-000000-abcdg", recipe="a_b", value=3.0349, std=0.2213, over="3 noises", role="report",
        metric="fid", floor=0.4611, floor_std=0.0312, precision="bf16", labels=NASTY, noises=3, noise_seed=0,
    ),
    Row(
        kind="run", run="20250101-000000-abcdh", recipe="a_b", value=2.5, role="selection", metric="fid",
        over=NASTY, std=0.1,
    ),
    Row(kind="run", run="20250101-000000-abcdf", status="failed", value=math.nan, floor=math.inf, metric="fid"),
]  # fmt: skip


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_holds_every_column_at_full_precision():
    rows = read_csv(to_csv(ROWS))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["source"] == NASTY
    assert float(rows[1]["value"]) == 12.3456789012345
    assert rows[1]["protocol"] == "fid · digits-cnn@1a2b3c4d · n=500"
    assert (rows[1]["samples"], rows[1]["seed"], rows[1]["quick"]) == ("500", "3", "true")
    assert math.isnan(float(rows[-1]["value"]))
    assert math.isinf(float(rows[-1]["floor"]))
    assert rows[-1]["seed"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/c calc'!A1"])
def test_csv_text_is_never_a_formula(text):
    (row,) = read_csv(to_csv([Row(kind="run", name=text, value=-1.5)]))
    assert row["name"] == "'" + text
    assert row["value"] == "-1.5", "a number is a number, with its sign"


def test_json_is_strict_and_says_which_numbers_it_cannot_hold():
    rows = json.loads(to_json(ROWS), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert rows[1]["value"] == 12.3456789012345
    assert rows[1]["name"] == NASTY
    assert rows[1]["non_finite"] == {}
    assert (rows[-1]["value"], rows[-1]["floor"]) == (None, None)
    assert rows[-1]["non_finite"] == {"value": "nan", "floor": "inf"}


def test_markdown_has_as_many_cells_in_every_row_as_in_its_head():
    lines = [line for line in to_markdown(ROWS).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(ROWS)
    for line in lines:
        assert len(re.findall(r"(?<!\\)\|", line)) == len(SHOWN) + 1


def test_markdown_text_is_not_markup():
    text = to_markdown([Row(kind="run", name="<script>*b* _i_ `c` [l](x) | end \\")])
    assert "<script>" not in text
    assert r"\*b\* \_i\_ \`c\` \[l\](x) \| end \\ |" in text


class _Cells(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


def test_html_text_is_not_markup():
    parser = _Cells()
    parser.feed(to_html([Row(kind="run", name="<script>alert(1)</script>&amp;\"'")]))
    assert "script" not in parser.tags
    assert "<script>alert(1)</script>&amp;\"'" in parser.cells


def test_html_is_a_page_of_its_own():
    text = to_html(ROWS)
    assert text.startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in text
    assert not re.search(r"(src|href)=", text)


def test_people_see_what_is_quick_and_what_data_stood_in():
    for write in (to_markdown, to_html):
        assert "(quick, for e)" in write(ROWS)


@pytest.mark.parametrize("format", FORMATS)
def test_no_rows_make_an_empty_table(format):
    assert FORMATS[format]([]).endswith("\n")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_shows_value_protocol_n_seed_and_published_figure(format):
    text = FORMATS[format](ROWS)
    for part in ("12.34", "500", "102", "digits-cnn", "20250101-000000-abcde", "as published"):
        assert part in text


def test_latex_escapes_all_that_it_would_act_on():
    assert escape("a_b & 50% #1 $x$ {y}") == r"a\_b \& 50\% \#1 \$x\$ \{y\}"
    assert escape("\\") == r"\textbackslash{}"
    assert escape("中🙂") == "{[}U+4E2D{]}{[}U+1F642{]}"
    assert all(character < "ſ" for character in escape(NASTY)), "pdflatex knows no others"


def test_latex_rows_have_as_many_cells_as_the_table_has_columns():
    text = FORMATS["latex"](ROWS)
    shape = re.search(r"\\begin\{longtable\}\{(.*)\}", text)
    assert shape
    columns = len(re.sub(r"\{[^}]*\}", "", shape[1]))
    body = text.split(r"\endfoot")[1].split(r"\end{longtable}")[0].strip().splitlines()
    assert len(body) == len(ROWS)
    for line in body:
        assert line.endswith(r"\\")
        assert len(re.findall(r"(?<!\\)&", line)) == columns - 1


COMPILERS = [c for c in ("pdflatex", "tectonic") if shutil.which(c)]


@pytest.mark.skipif(not COMPILERS, reason="no LaTeX compiler on this machine")
@pytest.mark.parametrize("whole", [True, False], ids=["by-itself", "as-input"])
def test_latex_compiles(tmp_path, whole):
    (tmp_path / "table.tex").write_text(FORMATS["latex"](ROWS * 30), encoding="utf-8")
    name = "table.tex" if whole else "paper.tex"
    if not whole:
        (tmp_path / name).write_text(
            "\\documentclass{article}\\usepackage{booktabs,longtable}\n"
            "\\begin{document}Before. \\input{table.tex} After.\\end{document}\n"
        )
    command = {"pdflatex": ["pdflatex", "-interaction=nonstopmode", "-halt-on-error"], "tectonic": ["tectonic"]}
    done = subprocess.run(
        [*command[COMPILERS[0]], name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / name.replace(".tex", ".pdf")).stat().st_size > 1000
