"""The results table as CSV, Markdown, LaTeX, JSON and HTML, each with its own escaping."""

from __future__ import annotations

import csv
import html
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from gentui.export.latex import to_latex
from gentui.export.rows import COLUMNS, Row
from gentui.runs import scores
from gentui.text.numbers import significant

# Columns for readers; CSV and JSON have every column.
SHOWN = {
    "dataset": "Data",
    "recipe": "Recipe",
    "run": "Run",
    "name": "Name",
    "status": "Status",
    "seed": "Seed",
    "step": "Step",
    "metric": "Metric",
    "value": "Value",
    "over": "± over",
    "floor": "Real images",
    "published": "Published",
    "samples": "N",
    "precision": "Precision",
    "protocol": "Protocol",
    "images_per_s": "Images/s",
    "seconds": "Seconds",
    "alarms": "Alarms",
    "source": "Source",
}
NUMERIC = {"seed", "step", "value", "floor", "published", "samples", "images_per_s", "seconds"}
_LATEX_SHAPE = {"protocol": "p{6cm}", "source": "p{4.5cm}", "alarms": "p{2.5cm}"}
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BLANKS = ("\t", "\r", "\n")


def _exact(value: Any) -> str:
    """A cell for programs: full precision."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # a spreadsheet would execute a formula; a leading apostrophe makes it text
        return f"'{value}" if value.lstrip().startswith(_FORMULA) or value.startswith(_BLANKS) else value
    return repr(value)


def cell_text(row: Row, column: str) -> str:
    """A cell for readers."""
    value = getattr(row, column)
    if column == "run" and row.kind == "published":
        return "published"
    if column == "name" and row.quick:
        return f"{value or ''} (quick{f', for {row.stand_in_for}' if row.stand_in_for else ''})".strip()
    if value is None:
        return ""
    if column == "value":
        return scores.value_text(row, _significant)
    if column == "floor":
        return scores.floor_text(row, _significant)
    if column == "over":
        return scores.over_text(row)
    if isinstance(value, float):
        return f"{value:.1f}" if column in ("seconds", "images_per_s") else _significant(value)
    return str(value)


def _significant(value: float) -> str:
    return significant(value, 5)


def to_csv(rows: Sequence[Row]) -> str:
    """CSV (RFC 4180) with a header. Text that a spreadsheet would take for a formula starts with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # so that a cell with either character is quoted
    writer.writerow(COLUMNS)
    writer.writerows([_exact(getattr(row, column)) for column in COLUMNS] for row in rows)
    return text.getvalue().replace("\r\n", "\n")


def to_json(rows: Sequence[Row]) -> str:
    """A JSON list of objects. NaN and infinities are null, and spelled out in ``non_finite``."""
    out = []
    for row in rows:
        values = asdict(row)
        lost = {k: str(v) for k, v in values.items() if isinstance(v, float) and not math.isfinite(v)}
        out.append(values | dict.fromkeys(lost) | {"non_finite": lost})
    return json.dumps(out, indent=2, allow_nan=False) + "\n"


def markdown_text(text: str) -> str:
    """``text`` with everything escaped that Markdown or HTML would interpret."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for special in "\\`*_[]|~":
        escaped = escaped.replace(special, f"\\{special}")
    return escaped


def to_markdown(rows: Sequence[Row]) -> str:
    """A GitHub table, with captions below it."""
    lines = [
        "| " + " | ".join(SHOWN.values()) + " |",
        "|" + "|".join("---:" if column in NUMERIC else "---" for column in SHOWN) + "|",
    ]
    lines += [
        "| " + " | ".join(markdown_text(cell_text(row, column)) for column in SHOWN) + " |" for row in rows
    ]
    lines += [line for caption in scores.captions(rows) for line in ("", markdown_text(caption))]
    return "\n".join(lines) + "\n"


_STYLE = """\
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; }
table { border-collapse: collapse; }
th, td { padding: .3em .7em; border-bottom: 1px solid #ccc; text-align: left; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.published { font-style: italic; }"""


def to_html(rows: Sequence[Row]) -> str:
    """A self-contained HTML page without scripts."""

    def cells(texts: Sequence[str], tag: str) -> str:
        return "".join(
            f'<{tag} class="number">{html.escape(text)}</{tag}>'
            if column in NUMERIC
            else f"<{tag}>{html.escape(text)}</{tag}>"
            for column, text in zip(SHOWN, texts, strict=True)
        )

    body = "\n".join(
        f'<tr class="{row.kind}">{cells([cell_text(row, column) for column in SHOWN], "td")}</tr>'
        for row in rows
    )
    captions = "".join(f"<p>{html.escape(caption)}</p>\n" for caption in scores.captions(rows))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>gentui results</title>\n'
        f"<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<h1>Results</h1>\n<table>\n"
        f"<thead><tr>{cells(list(SHOWN.values()), 'th')}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
        f"</table>\n{captions}</body>\n</html>\n"
    )


def _to_latex(rows: Sequence[Row]) -> str:
    columns = [column for column in SHOWN if column not in ("name", "images_per_s")]
    return to_latex(
        [SHOWN[column] for column in columns],
        [[cell_text(row, column) for column in columns] for row in rows],
        [_LATEX_SHAPE.get(column, "r" if column in NUMERIC else "l") for column in columns],
        scores.captions(rows),
    )


FORMATS: dict[str, Callable[[Sequence[Row]], str]] = {
    "csv": to_csv,
    "md": to_markdown,
    "latex": _to_latex,
    "json": to_json,
    "html": to_html,
}
