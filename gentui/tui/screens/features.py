"""The figures of a domain-adapted classifier in characters: a map of its features, and its confusion table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from engine.runs.files import read_head
from gentui.config import key_table
from gentui.runs.naming import label
from gentui.text.sanitize import clean, fit
from gentui.tui.index_reader import Query
from gentui.tui.screens.base import BaseScreen

SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"
DOMAIN_SIGNS, DOMAIN_STYLES = "ox", ("$primary", "bold $foreground")
LARGEST = 1 << 22
"""Bytes of a file that is read."""
VIEWS = (
    ("tsne", "map of features by class"),
    ("tsne", "map of features by domain"),
    ("confusion", "confusion table"),
)


class FeaturesScreen(BaseScreen):
    """The newest figures of a run that makes no images, drawn from their JSON files."""

    context = "features"
    place = "view"
    BINDINGS = key_table.bindings("features")
    DEFAULT_CSS = """
    FeaturesScreen #features-title { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    FeaturesScreen #features { height: 1fr; padding: 0 1; text-wrap: nowrap; }
    """

    def __init__(self, run: Any) -> None:
        super().__init__()
        self._run = run
        self._view = 0
        self._figures: dict[str, tuple[int, Any]] = {}

    def body(self) -> ComposeResult:
        yield Static(id="features-title", markup=False)
        yield Static("", id="features", markup=False)

    def index_query(self) -> Query | None:
        run_id, folder = self._run.id, self.gentui.home / "runs" / self._run.id

        def work(index: Any) -> dict[str, tuple[int, Any]]:
            newest = {figure.name: figure for figure in index.figures(run_id)}
            return {
                name: (
                    newest[name].step,
                    read(folder / "figures" / Path(newest[name].path).with_suffix(".json").name),
                )
                for name in ("tsne", "confusion")
                if name in newest
            }

        return Query(work)

    def show(self, data: dict[str, tuple[int, Any]]) -> None:
        self._figures = data
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        name, title = VIEWS[self._view]
        step, data = self._figures.get(name, (0, None))
        heading = f"{title}, step {step:,} · {self._view + 1} of {len(VIEWS)} (p)" if step else title
        self.query_one("#features-title", Static).update(
            Content.assemble((clean(label(self._run), 60), "bold"), f"   {heading}")
        )
        place = self.query_one("#features", Static)
        width, height = max(10, place.size.width - 2), max(4, place.size.height)
        try:
            if data is None:
                content = Content(
                    "Not drawn yet." if not step else "Its data is missing; the Samples pane shows it."
                )
            elif name == "tsne":
                content = scatter(data, width, height, by_class=self._view == 0)
            else:
                content = table(data, width)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
            content = Content("Its data cannot be read.")
        place.update(content)

    def action_figure(self) -> None:
        self._view = (self._view + 1) % len(VIEWS)
        self._draw()

    def action_back(self) -> None:
        self.app.pop_screen()


def read(path: Path) -> Any:
    """The data of a figure; None if the file is missing or no JSON."""
    try:
        return json.loads(read_head(path, LARGEST))
    except (OSError, ValueError, RecursionError):
        return None


def scatter(data: dict[str, Any], width: int, height: int, by_class: bool) -> Content:
    """A scatter plot with one character for each image: its class, or ``o`` and ``x`` for the domains; and a legend.
    Raises KeyError, TypeError, ValueError or IndexError if the data is not as expected."""
    places = np.asarray(data["places"], float).reshape(-1, 2)
    classes, domains = (np.asarray(data[key], int) for key in ("classes", "domains"))
    class_names, domain_names = (
        [clean(name, 20) for name in data[key]] for key in ("class_names", "domain_names")
    )
    rows = max(2, height - 2)
    low, high = places.min(0), places.max(0)
    unit = (places - low) / np.maximum(high - low, 1e-12)
    columns = np.minimum((unit[:, 0] * width).astype(int), width - 1)
    lines = np.minimum(((1 - unit[:, 1]) * rows).astype(int), rows - 1)
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for column, line, kind, domain in zip(columns, lines, classes, domains, strict=True):
        sign = SIGNS[kind % len(SIGNS)] if by_class else DOMAIN_SIGNS[domain % 2]
        cells[int(line), int(column)] = (sign, DOMAIN_STYLES[domain % 2])
    parts: list[Any] = []
    for line in range(rows):
        parts += [cells.get((line, column), " ") for column in range(width)]
        parts.append("\n")
    if by_class:
        parts += [
            fit("  ".join(f"{SIGNS[i % len(SIGNS)]} {name}" for i, name in enumerate(class_names)), width),
            "\n",
        ]
    for number, name in enumerate(domain_names):
        text = name if by_class else f"{DOMAIN_SIGNS[number % 2]} {name}"
        weight = " (bold)" if number % 2 else ""
        parts += [(f"{text}{weight}   ", DOMAIN_STYLES[number % 2])]
    return Content.assemble(*parts)


def table(data: dict[str, Any], width: int) -> Content:
    """The confusion table: rows are true classes, columns predictions, the last column the recall. Raises as
    ``scatter`` does."""
    counts = np.asarray(data["counts"], int)
    names = [clean(name, 20) for name in data["class_names"]]
    if counts.shape != (len(names), len(names)):
        raise ValueError("the table does not fit its names")
    cell = max(4, min(8, (width - 20) // max(1, len(names))))
    head = min(12, max(7, *(len(name) for name in names)))
    parts: list[Any] = [("is \\ as".rjust(head), "$text-muted")]
    parts += [fit(name, cell - 1, "right").rjust(cell) for name in names] + [("   right\n", "$text-muted")]
    for number, (name, row) in enumerate(zip(names, counts.tolist(), strict=True)):
        parts.append((fit(name, head, "right"), "bold"))
        for other, count in enumerate(row):
            text = (str(count) if count else "·").rjust(cell)
            parts.append((text, "bold $success" if other == number else "$warning" if count else "$text-muted"))
        parts.append(f"  {row[number] / sum(row):6.1%}\n" if sum(row) else "       –\n")
    total = int(counts.sum())
    if total:
        parts.append((f"\n{np.trace(counts) / total:.1%} of {total:,} images right", "bold"))
    return Content.assemble(*parts)
