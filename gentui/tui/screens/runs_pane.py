"""The pane of the list of runs: the run, or the sweep, under the cursor with curves, newest samples and facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.geometry import Size

from gentui.config import key_table
from gentui.tui import formatting
from gentui.tui.screens.runs_preview import facts_of_sweep
from gentui.tui.screens.runs_table import loss_of
from gentui.tui.widgets.chart_grid import ChartGrid, ChartPage
from gentui.tui.widgets.fact_list import FactList
from gentui.tui.widgets.pane_title import PaneTitle
from gentui.tui.widgets.run_header import Piece, RunHeader, lines_of
from gentui.tui.widgets.viewer import Viewer

if TYPE_CHECKING:
    from gentui.tui.screens.runs_groups import Sweep
    from gentui.tui.screens.runs_preview import Preview

LOW = 18
"""A pane of fewer lines has curves and samples side by side, and facts only alone."""
CHART_WIDTH, CHART_HEIGHT = 42, 11
NARROW_CHART, LOW_CHART = 35, 8
MOST_ACROSS = 4
"""Size from which on a chart is worth its room; of a run without samples they are smaller, and more."""
LEAST_CHARTS = 8
PARTS = ("all", "curves", "samples", "facts")


@dataclass(frozen=True)
class Room:
    """The lines of the parts of a pane, 0 for one that is not shown, and the charts across and down."""

    charts: int
    samples: int
    facts: int
    across: int
    down: int


def room_of(size: Size, part: str, has_samples: bool, facts: int) -> Room:
    """Divide a pane of this size. ``part``: the one that is shown alone, or all. ``facts``: how many there are."""
    width, height = size.width, max(1, size.height - 3)
    if part == "facts":
        return Room(0, 0, height, 1, 1)
    if part == "samples":
        return Room(0, height, 0, 1, 1)
    if size.height < LOW:
        beside = width - width * 2 // 5 if has_samples and part == "all" else width
        lines = size.height - 2
        return Room(lines, lines if part == "all" else 0, 0, max(1, min(MOST_ACROSS, beside // 48)), 1)
    if part == "curves":
        below, samples = 0, 0
    else:
        below = min(facts + 1, max(5, height // (5 if has_samples else 3)))
        samples = (height - below) // 2 if has_samples else 0
    charts = max(LEAST_CHARTS, height - below - samples)
    across = max(1, min(MOST_ACROSS, width // (CHART_WIDTH if has_samples else NARROW_CHART)))
    return Room(charts, samples, below, across, max(1, charts // (CHART_HEIGHT if has_samples else LOW_CHART)))


class PaneHead(RunHeader):
    """Progress and quality of a run; what it is stands in the title above."""

    DEFAULT_CSS = "PaneHead { height: 2; }"

    def show_lines(self, lines: list[list[Piece]]) -> None:
        """Show these lines in place of a run's."""
        self._run = None
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def render_line(self, y: int) -> Any:
        """Where there is one line only, the progress of what trains, and the quality of what has ended."""
        has_ended = self._run is not None and self._run.status not in formatting.LIVE
        return super().render_line(y + 2 if self.size.height == 1 and has_ended else y + 1)


class RunPane(Vertical):
    """Shows one run or sweep at a time; drawn when what it shows changes. ``part``: which of ``PARTS`` it shows."""

    DEFAULT_CSS = """
    RunPane { background: $background; }
    RunPane > Container { height: 1fr; }
    RunPane ChartGrid { height: 1fr; width: 1fr; }
    RunPane Viewer { height: 1fr; }
    RunPane .pane-samples, RunPane .pane-facts { width: 100%; }
    RunPane .pane-facts > Horizontal { height: 1fr; }
    RunPane .pane-facts Vertical { width: 1fr; }
    RunPane.-low > Container { layout: horizontal; }
    RunPane.-low .pane-samples { width: 40%; height: 100%; }
    RunPane.-low.-alone .pane-samples { width: 100%; }
    RunPane.-low > PaneHead { height: 1; }
    """

    def __init__(self, images: str, *, id: str) -> None:
        super().__init__(id=id)
        self._images = "none" if images == "none" else "half"
        self._shown: Preview | None = None
        self._sweep: Sweep | None = None
        self.part = PARTS[0]
        self._room = Room(1, 0, 0, 1, 1)

    def compose(self) -> ComposeResult:
        yield PaneTitle()
        yield PaneHead()
        with Container():
            yield ChartGrid()
            with Vertical(classes="pane-samples"):
                yield Viewer(self._images)
            with Vertical(classes="pane-facts"), Horizontal():
                with Vertical():
                    yield PaneTitle("settings")
                    yield FactList()
                with Vertical():
                    yield PaneTitle("last values")
                    yield FactList()

    def on_mount(self) -> None:
        self.clear()

    def on_resize(self) -> None:
        self._arrange()

    # -- what is asked for

    @property
    def charts(self) -> tuple[int, int]:
        """How many charts there is room for, and how many columns each is read in."""
        across, down = self._room.across, self._room.down
        return (across * down if self._room.charts else 1), max(16, self.size.width // across - 12)

    @property
    def shown(self) -> Preview | None:
        """What is shown."""
        return self._shown

    # -- what is shown

    def clear(self, why: str = "") -> None:
        """Show nothing, and why."""
        self._shown = None
        for title in self.query(PaneTitle).results(PaneTitle):
            if title.parent is self:
                title.show((("preview", "dim"),))
        self.query_one(PaneHead).show_lines([[], [(why, "dim")], []])
        self.query_one(Container).display = False

    def show(self, preview: Preview, sweep: Sweep | None = None) -> None:
        """Show a run; with ``sweep`` all of that, of which the preview is."""
        if preview is self._shown and sweep == self._sweep:
            return
        self._shown, self._sweep = preview, sweep
        self.query_one(Container).display = True
        self._arrange()
        self._draw(preview)

    def next_part(self) -> str:
        """Show another part alone, or all again. Return the part."""
        parts = [part for part in PARTS if part != "samples" or self._has_samples]
        self.part = parts[(parts.index(self.part) + 1) % len(parts) if self.part in parts else 0]
        self._arrange()
        if self._shown is not None:
            self._draw(self._shown)
        return self.part

    @property
    def _has_samples(self) -> bool:
        return self._shown is not None and self._shown.sheet is not None and self._images != "none"

    def _arrange(self) -> None:
        """Divide the pane among its parts."""
        shown = self._shown
        if shown is None or not self.size.width or not self.query(ChartGrid):
            return
        part = self.part if self.part != "samples" or self._has_samples else "all"
        is_low = self.size.height < LOW
        facts = max(len(shown.settings), len(shown.values))
        self._room = room = room_of(self.size, part, self._has_samples, facts)
        self.set_class(is_low, "-low")
        self.set_class(part != "all", "-alone")
        samples, below = self.query_one(".pane-samples"), self.query_one(".pane-facts")
        samples.display, below.display = bool(room.samples) and self._has_samples, bool(room.facts)
        if not is_low:
            samples.styles.height = "1fr" if part == "samples" else room.samples
        below.styles.height = "1fr" if part == "facts" else room.facts
        grid = self.query_one(ChartGrid)
        grid.display = bool(room.charts)
        number = max(1, len(shown.charts))
        across = min(room.across, number)
        grid.lay_out(across, min(room.down, -(-number // across)), False)

    def _draw(self, preview: Preview) -> None:
        sweep, width = self._sweep, self.size.width
        title, head = self.query(PaneTitle).first(PaneTitle), self.query_one(PaneHead)
        key = key_table.as_mapped(key_table.BY_ID["runs.part"]).display
        others = [part for part in PARTS if part != self.part and (part != "samples" or self._has_samples)]
        hint = f"{key} {' ▸ '.join(others if self.part == 'all' else [self.part])}"
        if sweep is None:
            identity = lines_of(preview.run, width)[0]
            title.show([(text, {"strong": "title"}.get(tone, tone)) for text, tone in identity], hint)
            run = preview.run
            head.show(run if run.loss is not None else replace(run, loss=loss_of(run)))
        else:
            status = sweep.states[0][0]
            glyph, tone = formatting.GLYPHS[status]
            title.show(((f"{glyph} ", tone), (sweep.title, "title"), ("  a sweep", "dim")), hint)
            head.show_lines([[], [(sweep.in_words, "")], _drawn(preview, len(sweep.entries))])
        status = preview.run.status
        waiting = {"queued": "Waiting for a free device.", "running": "Starting."}.get(
            status, "No step was logged."
        )
        charts = preview.charts if self._room.charts else ()
        if charts or self._room.charts:
            page = ChartPage(charts, 0, len(charts), -1, waiting, preview.overlay)
            self.query_one(ChartGrid).show(page, preview.style)
        if self._has_samples and self._room.samples and preview.sheet is not None:
            name = f"{preview.overlay[0].name} · " if preview.overlay else ""
            self.query_one(Viewer).show(preview.sheet, f"{name}step {preview.step:,}")
        self._draw_facts(preview, sweep)

    def _draw_facts(self, preview: Preview, sweep: Sweep | None) -> None:
        titles: Sequence[PaneTitle] = list(self.query(".pane-facts PaneTitle").results(PaneTitle))
        lists = list(self.query(FactList))
        differ = sum(tone == "accent" for _, _, tone in preview.settings)
        own = f"{differ} differ{'s' if differ == 1 else ''}" if differ else ""
        if sweep is None:
            titles[0].show((("settings", "title"),), own)
            titles[1].show((("last values", "title"),))
            lists[0].show(preview.settings, "Enter, o")
            lists[1].show(preview.values, "Enter")
        else:
            titles[0].show((("runs", "title"),), "the best first")
            titles[1].show((("settings of the best", "title"),), own)
            lists[0].show(facts_of_sweep(preview.runs))
            lists[1].show(preview.settings)


def _drawn(preview: Preview, number: int) -> list[Piece]:
    """Which runs of a sweep are drawn, where that is not all."""
    return (
        [(f"{len(preview.runs)} of {number} drawn, the best ones", "dim")] if len(preview.runs) < number else []
    )
