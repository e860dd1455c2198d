"""The charts of a run view: which are shown, how they are drawn, where on the x axis, and which runs lie over them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gentui.config import chart_layouts
from gentui.config.chart_layouts import AXES, GUIDES, KINDS, MARKS, NEAR_PICTURE, PICTURE, SMOOTHING, Layout
from gentui.metrics import grouping
from gentui.metrics.namespaces import METRIC, SIGNAL, is_signal, is_system
from gentui.runs import naming
from gentui.text.matching import matcher
from gentui.text.sanitize import clean
from gentui.tui.curves import ChartStyle, Curve, name_of, place_on
from gentui.tui.overlay import OverlayEntry
from gentui.tui.screens.painting import BatchedPaintScreen
from gentui.tui.screens.prompt import PromptScreen
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_grid import (
    MOST_COLUMNS,
    MOST_ROWS,
    ChartGrid,
    ChartPage,
    Curves,
    smoothing_in_words,
)
from gentui.tui.widgets.heatmap import Heat, HeatMap

if TYPE_CHECKING:
    from gentui.index import Index

SPARSE = 4  # a curve has so many times fewer points than its neighbour that each of them is marked
EVERYTHING = "all metrics"
LEAST_SERIES, MOST_SERIES = 3, 400  # of a heat map
_STRIDE = 10
_NARROWEST = 1e-6  # of the whole axis: as near as it is zoomed


@dataclass(frozen=True)
class ChartRequest:
    """Which charts are on the screen: so many, around the one in focus; so many columns of cells wide."""

    focus: int = 0
    charts: int = 1
    columns: int = 120
    axis: str = "step"
    window: tuple[float, float] | None = None
    hidden: tuple[str, ...] = ()
    laid: tuple[OverlayEntry, ...] = ()
    heat: str = ""
    filter: str = ""
    of_machine: bool = False
    needs_layout: bool = False


@dataclass(frozen=True)
class ChartData:
    """What the index holds of them. ``groups``: the metrics of every chart that is not hidden; ``filtered``: how many
    the filter leaves out, and ``mistake`` what is wrong with it. ``metrics``: all that is logged."""

    groups: list[tuple[str, ...]]
    charts: list[Curves]
    first: int = 0
    focus: int = 0
    extent: tuple[float, float] | None = None
    hidden: int = 0
    filtered: int = 0
    mistake: str = ""
    heats: tuple[str, ...] = ()
    heat: Heat | None = None
    layout: tuple[Layout, str] | None = None
    metrics: tuple[str, ...] = ()


def look_up(index: Index, run: Any, names: list[str], scored: list[str], wanted: ChartRequest) -> ChartData:
    """In the live thread: the charts that are wanted of a run. ``scored`` are the metrics of its evaluations."""
    layout, metrics = chart_layouts.load(run.family) if wanted.needs_layout else None, tuple(names)
    names = [name for name in names if is_system(name) == wanted.of_machine]
    every = grouping.charts(names, [] if wanted.of_machine else scored)
    if len(wanted.laid) > 1:  # the curves of a chart are runs, so each metric has a chart of its own
        every = [(name,) for group in every for name in group]
    number = len(every)
    every = [left for group in every if (left := tuple(n for n in group if n not in wanted.hidden))]
    hidden, number = number - len(every), len(every)
    picks, mistake = matcher(wanted.filter)
    every = [group for group in every if any(map(picks, group))]
    logged, names = names, [name for name in names if picks(name)]
    told = {"hidden": hidden, "filtered": number - len(every), "mistake": mistake}
    told |= {"layout": layout, "metrics": metrics}
    focus = min(wanted.focus, max(0, len(every) - 1))
    first = focus // wanted.charts * wanted.charts
    heats = heats_of(names)
    if wanted.heat in heats:
        extent = _extent(index, run, [run.id], wanted.axis)
        wanted = replace(wanted, window=wanted.window or extent)
        heat = heat_of(index, run.id, names, wanted)
        return ChartData(every, [], first, focus, extent, heats=heats, heat=heat, **told)
    extent = _extent(index, run, [one.run for one in wanted.laid] or [run.id], wanted.axis)
    wanted = replace(wanted, window=wanted.window or extent)
    charts = []
    for group in every[first : first + wanted.charts]:
        curves = [c for name in group for c in _curves(index, run.id, name, name not in logged, wanted)]
        charts.append(with_points_marked(curves))
    return ChartData(every, charts, first, focus, extent, heats=heats, **told)


def _extent(index: Index, run: Any, runs: list[str], axis: str) -> tuple[float, float] | None:
    """The ends of the axis that holds all of these runs. While ``run`` trains there is a little room on its right, so
    that not every new step moves everything."""
    ends = [end for one in runs if (end := index.extent(one, axis)) is not None]
    if not ends:
        return None
    left, right = min(left for left, _ in ends), max(right for _, right in ends)
    return left, left + _roomy(right - left) if run.status in ("running", "stalled") else right


def _roomy(span: float) -> float:
    """The least of the widths in use that holds ``span``: they are a 32nd to a 64th apart."""
    if span <= 0:
        return span
    unit = 2.0 ** (np.ceil(np.log2(span)) - 6)
    return float(np.ceil(span / unit) * unit)


def _curves(index: Index, run_id: str, name: str, is_score: bool, wanted: ChartRequest) -> list[Curve]:
    """A metric of the run, or of every run that lies over it and has it."""
    if len(wanted.laid) < 2:
        return [curve_of(index, run_id, name, wanted, is_score)]
    curves = []
    for one in wanted.laid:
        curve = curve_of(index, one.run, name, wanted, is_score, like=run_id)
        if curve.points or one.run == run_id:
            curves.append(replace(curve, slot=one.slot, is_baseline=one.is_baseline))
    return curves


def curve_of(
    index: Index, run_id: str, name: str, wanted: ChartRequest, is_score: bool, like: str | None = None
) -> Curve:
    """A metric, or the scores of one, along the run. What is seen at evaluations only is marked, not smoothed."""
    is_sparse = is_score or is_signal(name)
    lo, hi = wanted.window or (None, None)
    if is_score:
        series = index.score_series(run_id, name, wanted.axis, like)
    else:
        series = index.series(run_id, name, wanted.columns, lo, hi, wanted.axis)
    return Curve(
        name, series.x, series.lo, series.hi, series.marks, series.points, series.mean, sparse=is_sparse
    )


def with_points_marked(curves: list[Curve]) -> Curves:
    """The curves of one chart; where some have few points beside the others', each of those is marked."""
    most = max((curve.points for curve in curves), default=0)
    return tuple(replace(curve, sparse=True) if 0 < curve.points * SPARSE < most else curve for curve in curves)


def heats_of(names: list[str]) -> tuple[str, ...]:
    """The heat maps there are: one of the metrics under each prefix that several share, and one of all."""
    prefixes = [name.rpartition("/")[0] for name in names]
    shared = [p for p in dict.fromkeys(prefixes) if p and prefixes.count(p) >= LEAST_SERIES]
    return (*shared, *([EVERYTHING] if len(names) > 1 else []))


def heat_of(index: Index, run_id: str, names: list[str], wanted: ChartRequest) -> Heat:
    """The series of one heat map. Those of one prefix share a scale, but for signals of health, which measure
    different things."""
    prefix = "" if wanted.heat == EVERYTHING else f"{wanted.heat}/"
    chosen = [n for n in names if not prefix or (n.startswith(prefix) and "/" not in n[len(prefix) :])]
    curves = (
        replace(curve_of(index, run_id, name, wanted, is_score=False), key=name.removeprefix(prefix))
        for name in chosen[:MOST_SERIES]
    )
    return Heat(wanted.heat, tuple(curves), is_common=bool(prefix) and prefix != SIGNAL)


class ChartScreen(BatchedPaintScreen):
    """A screen with the charts of one run, and their keys. What is chosen holds for the run's family from then on."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: ChartData | None = None
        self._family = ""
        self._run_name = ""
        self._layout = Layout()
        self._x_metric = ""
        self._has_layout = False
        self._focus = 0
        self._is_single = False
        self._heat = ""
        self._of_machine = False
        self._window: tuple[float, float] | None = None
        self._cursor: float | None = None

    # -- what a screen with charts adds

    run_id: str

    @property
    def shows_charts(self) -> bool:
        """Whether the charts are what is looked at."""
        raise NotImplementedError

    def go_to_charts(self) -> None:
        """Have the charts looked at."""
        raise NotImplementedError

    def waiting(self) -> str:
        """Why there is no curve yet."""
        raise NotImplementedError

    def cursor_moved(self) -> None:
        """The cursor stands somewhere else, or nowhere, or the charts are drawn anew."""

    # -- supply

    @property
    def laid(self) -> tuple[OverlayEntry, ...]:
        """The run and those laid over it."""
        return self.gentui.overlay.of(self.run_id, self._run_name or self.run_id)

    def wanted_charts(self) -> ChartRequest:
        charts = self.query_one(ChartGrid)
        columns = max(charts.columns, charts.size.width - 30) if self._heat else charts.columns
        return ChartRequest(
            self._focus, charts.count, columns, self.axis, self._window, self._layout.hidden,
            self.laid, self._heat, self._layout.filter, self._of_machine, not self._has_layout,
        )  # fmt: skip

    @property
    def is_drawn(self) -> bool:
        return super().is_drawn and (not self.shows_charts or self.query_one(ChartGrid).is_drawn)

    def take_charts(self, run: Any, drawn: ChartData) -> None:
        """Keep what was looked up; the first time, take on how the charts of the family were left."""
        if self.drawn is not None:
            self._follow(self.drawn.extent, drawn.extent)
        if drawn.first <= self._focus < drawn.first + len(drawn.charts):
            drawn = replace(drawn, focus=self._focus)  # it may have gone on since this was asked
        self.drawn = drawn
        self._family, self._run_name = run.family, clean(naming.label(run), 40)
        if self._has_layout or drawn.layout is None:
            return
        self._has_layout = True
        self._layout, trouble = drawn.layout
        if trouble:
            self.say(clean(trouble, 300))
        self._lay_out_charts()
        if self._layout.axis != "step" or self._layout.hidden or self._layout.filter:
            self.ask()

    @property
    def axis(self) -> str:
        """What the x axis counts: as the family's charts do, or a metric, as long as this screen is there."""
        return f"{METRIC}{self._x_metric}" if self._x_metric else self._layout.axis

    @property
    def chart_style(self) -> ChartStyle:
        layout, extent = self._layout, self.drawn.extent if self.drawn else None
        return ChartStyle(
            layout.log_y, layout.smoothing, layout.marks, self.axis, layout.kind, layout.clip,
            self._window or extent, layout.guides,
        )  # fmt: skip

    def show_charts(self) -> None:
        """Draw what is known, as it is wanted now."""
        if (drawn := self.drawn) is None:
            return
        heat = drawn.heat if self._heat else None
        page = ChartPage(
            drawn.charts, drawn.first, len(drawn.groups), drawn.focus, self._waiting(drawn), () if heat else self.laid,
            drawn.hidden, heat, self._layout.filter if drawn.filtered else "", drawn.filtered, self._of_machine,
            self._layout.others,
        )  # fmt: skip
        charts = self.query_one(ChartGrid)
        charts.show(page, self.chart_style)
        charts.point_at(self._cursor)
        self.cursor_moved()
        if heat or len(drawn.charts) == min(charts.count, len(drawn.groups) - drawn.first):
            self.release_paint()  # else they are asked for

    def _waiting(self, drawn: ChartData) -> str:
        if drawn.filtered:
            return f"No chart is called {clean(self._layout.filter, 60)}."
        return "The machine was not watched while this run trained." if self._of_machine else self.waiting()

    def on_chart_grid_capacity_changed(self) -> None:
        """The charts have another size: another number of them, or of columns."""
        self.ask()

    def close_chart_layer(self) -> bool:
        """Leave the chart that stands alone, the cursor or the heat map; False when there is none of them."""
        if not self.shows_charts:
            return False
        if self._cursor is not None:
            self.action_cursor()
        elif self._is_single:
            self.action_maximise()
        elif self._heat:
            self._heat = ""
            self._rearranged()
        else:
            return False
        return True

    # -- how they are drawn

    def _change(self, **changes: Any) -> None:
        self._layout = replace(self._layout, **changes)
        if self._family:
            family = self._family
            self.gentui.in_thread(lambda: chart_layouts.save(family, lambda: self._layout))
        if not self.shows_charts:
            self.go_to_charts()
        elif not {"axis", "hidden", "columns", "rows", "filter"} & set(changes):  # else the curves come anew
            self.show_charts()

    def action_log_y(self) -> None:
        self._change(log_y=not self._layout.log_y)
        self.say("y axis: " + ("logarithmic" if self._layout.log_y else "linear"))

    def action_log_one(self) -> None:
        """The y axis of the chart in focus alone."""
        drawn = self.drawn
        if drawn is None or not drawn.groups:
            return
        name = drawn.groups[drawn.focus][0]
        others = self._layout.others
        self._change(others=tuple(one for one in others if one != name) if name in others else (*others, name))
        is_log = self._layout.log_y != (name in self._layout.others)
        self.say(f"y axis of {clean(name, 40)}: " + ("logarithmic" if is_log else "linear"))

    def action_picture(self, by: int) -> None:
        """The newest picture beside the charts wider, or narrower."""
        now = self._layout.picture or NEAR_PICTURE
        self.set_picture(min(PICTURE, key=lambda width: abs(width - now - 5 * by)))

    def set_picture(self, percent: int) -> None:
        if percent != self._layout.picture:
            self._change(picture=percent)
            self._lay_out_charts()
            self.say(f"the picture has {percent} % of the width")

    def action_clip(self) -> None:
        self._change(clip=not self._layout.clip)
        self.say("y axis: " + ("where most values lie" if self._layout.clip else "all values"))

    def action_axis_metric(self) -> None:
        """Ask which metric the others are drawn along."""
        metrics = self.drawn.metrics if self.drawn else ()
        if not metrics:
            self.say("There are no metrics yet.")
            return

        def meant(text: str) -> list[str]:
            """The metrics that may be meant: one that is called so, else those that have it in their names."""
            word = text.strip().lower()
            named = [name for name in metrics if name.lower() == word]
            return named or [name for name in metrics if word in name.lower()]

        def check(text: str) -> str:
            found = meant(text) if text.strip() else metrics[:1]
            if not found:
                return f"No metric of this run is called {text.strip()}."
            return "" if len(found) == 1 else f"Which of {', '.join(found)}?"

        def answered(text: str | None) -> None:
            if text is None:
                return
            self._set_axis(metric=meant(text)[0] if text.strip() else "")

        detail = f"One of: {', '.join(metrics)}. Nothing: by {self._layout.axis}."
        self.app.push_screen(
            PromptScreen("x axis by the metric", detail, self._x_metric, check=check), answered
        )

    def _set_axis(self, metric: str = "", **changes: Any) -> None:
        """By a metric, or by what the family's charts count from now on."""
        self._window = self._cursor = None
        self._x_metric = metric
        if changes:
            self._change(**changes)
        elif not self.shows_charts:
            self.go_to_charts()
        self.say(f"x axis: {name_of(self.axis)}")
        self.ask()

    def action_axis(self) -> None:
        self._set_axis(axis=following(AXES, self._layout.axis))

    def action_smooth(self) -> None:
        self._change(smoothing=following(SMOOTHING, self._layout.smoothing))
        self._tell_smoothing()

    def action_smooth_kind(self) -> None:
        self._change(kind=following(KINDS, self._layout.kind))
        self._tell_smoothing()

    def _tell_smoothing(self) -> None:
        layout = self._layout
        kind = "moving average" if layout.kind == "window" else "exponential average"
        how = smoothing_in_words(self.chart_style).removeprefix("smooth ") if layout.smoothing else "none"
        self.say(f"smoothing, {kind}: {how}")

    def action_marks(self) -> None:
        self._change(marks=following(MARKS, self._layout.marks))
        self.say(f"lines of {self._layout.marks}")

    # -- which are shown

    def action_columns(self, by: int) -> None:
        now = self._layout.columns or self.query_one(ChartGrid).across
        columns = (now - 1 + by) % MOST_COLUMNS + 1
        self._change(columns=columns)
        self._is_single, self._heat = False, ""
        self._rearranged()
        self.call_after_refresh(self._tell_columns, columns)

    def action_rows(self, by: int) -> None:
        rows = ((self._layout.rows or self.query_one(ChartGrid).down) - 1 + by) % MOST_ROWS + 1
        self._change(rows=rows)
        self._is_single, self._heat = False, ""
        self._rearranged()
        self.call_after_refresh(self._tell_rows, rows)

    def _tell_rows(self, rows: int) -> None:
        fit = self.query_one(ChartGrid).down
        self.say(f"rows of charts: {rows}" + (f", {fit} fit" if fit < rows else ""))

    def action_guides(self) -> None:
        self._change(guides=following(GUIDES, self._layout.guides))
        self.say(f"guides across the charts: {self._layout.guides}")

    def _tell_columns(self, columns: int) -> None:
        fit = self.query_one(ChartGrid).across
        self.say(f"columns of charts: {columns}" + (f", {fit} fit" if fit < columns else ""))

    def action_maximise(self) -> None:
        if not self.shows_charts:
            self.go_to_charts()
        elif self.drawn is not None and len(self.drawn.groups) < 2 and not self._is_single:
            self.say("This is the only chart.")
            return
        before = self.query_one(ChartGrid).count
        self._is_single = not self._is_single
        self._rearranged()
        if before == self.query_one(ChartGrid).count:
            self.say("There is room for one chart only.")

    def _rearranged(self) -> None:
        self.hold_paint()
        self._lay_out_charts()
        self.show_charts()
        self.ask()

    def _lay_out_charts(self) -> None:
        is_full = self._is_single or bool(self._heat) or self._layout.columns > 2
        self.query_one("#charts").set_class(is_full, "-full")
        for picture in self.query("#thumbnail") if self._layout.picture else ():
            picture.styles.width = f"{self._layout.picture}%"
            picture.styles.max_width = "100%"
        self.query_one(ChartGrid).lay_out(self._layout.columns, self._layout.rows, self._is_single)

    def action_chart(self, by: int) -> None:
        """The focus on the next chart, or the one before; round and round."""
        number = max(1, len(self.drawn.groups)) if self.drawn else 1
        self._focus_chart((self._focus + by) % number)

    def action_metrics(self, by: int) -> None:
        if self._heat and self.shows_charts:
            self.query_one(HeatMap).page(by)
            return
        count = max(1, self.query_one(ChartGrid).count)
        pages = max(1, -(-len(self.drawn.groups) // count)) if self.drawn else 1
        if pages == 1 and self.shows_charts:
            self.say("Every chart is in sight.")
        self._focus_chart((self._focus // count + by) % pages * count)

    def _focus_chart(self, focus: int) -> None:
        drawn, self._focus = self.drawn, focus
        if not self.shows_charts:
            self.go_to_charts()
        elif drawn is not None and drawn.first <= focus < drawn.first + len(drawn.charts):
            self.drawn = replace(drawn, focus=focus)
            self.show_charts()
        else:
            self.ask()

    def action_hide(self) -> None:
        drawn = self.drawn
        if not self.shows_charts:
            self.go_to_charts()
            return
        if drawn is None or self._heat or len(drawn.groups) < 2:
            self.say("The heat map is left with d." if self._heat else "The only chart is not hidden.")
            return
        names = drawn.groups[drawn.focus]
        self._change(hidden=(*self._layout.hidden, *names))
        self.say(f"hidden: {clean(', '.join(names), 60)} (U shows every chart)")
        self.ask()

    def action_show_all(self) -> None:
        self._change(hidden=())
        self.ask()

    def action_machine(self) -> None:
        """Between what the run logs of itself and what the machine did meanwhile."""
        self._of_machine = not self._of_machine
        self._focus, self._heat = 0, ""
        if not self.shows_charts:
            self.go_to_charts()
        self._lay_out_charts()
        self.ask()
        self.say(
            "charts of the machine while it trained" if self._of_machine else "charts of what the run logs"
        )

    def filter_charts(self, words: str) -> None:
        """Only the charts with a metric that is called so, in this family's runs from now on."""
        if words != self._layout.filter:
            self._focus = 0
            self._change(filter=words)
            self.ask()

    def action_heat(self) -> None:
        heats = self.drawn.heats if self.drawn else ()
        if not heats:
            self.say("There are no series for a heat map yet.")
            return
        self._heat = following(("", *heats), self._heat if self._heat in heats else "")
        if not self.shows_charts:
            self.go_to_charts()
        self._rearranged()
        self.say(f"heat map of {clean(self._heat, 40)}" if self._heat else "curves")

    # -- where on the x axis

    def _ends(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """The whole axis, and what of it is seen; None while there is nothing."""
        extent = self.drawn.extent if self.drawn else None
        if extent is None or not self.shows_charts or extent[1] <= extent[0]:
            return None
        return extent, self._window or extent

    def _ends_or_told(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Likewise; where there is nothing, that is said, or the charts are looked at."""
        ends = self._ends()
        if ends is None and self.shows_charts:
            self.say("There is no curve yet.")
        elif ends is None:
            self.go_to_charts()
        return ends

    def action_zoom_x(self, by: int) -> None:
        self._zoom(by, self._cursor)

    def _zoom(self, by: int, about: float | None) -> None:
        """Nearer or farther, about a place that stays where it is; None: about the middle."""
        if (ends := self._ends_or_told()) is None:
            return
        (first, last), (left, right) = ends
        width = (right - left) * (0.5 if by > 0 else 2.0)
        width = max(width, (last - first) * _NARROWEST, 4.0 if self.axis == "step" else 0.0)
        middle = (left + right) / 2 if about is None else about
        part = (middle - left) / (right - left)
        self._look_at(middle - part * width, width)

    def action_pan(self, by: int) -> None:
        if (ends := self._ends_or_told()) is not None:
            left, right = ends[1]
            self._look_at(left + by * (right - left) / 4, right - left)

    def _look_at(self, left: float, width: float) -> None:
        """See so much of the axis from there on, as far as there is any."""
        if (ends := self._ends_or_told()) is None:
            return
        first, last = ends[0]
        left = max(first, min(left, last - width))
        window = None if width >= (last - first) * (1 - _NARROWEST) else (left, left + width)
        self.say("x axis: all of it" if window is None else f"x axis: {self._places(window)} (0 shows all)")
        if window == self._window:
            return
        self._window = window
        if self._cursor is not None and window is not None:
            self._cursor = min(max(self._cursor, window[0]), window[1])
        self.show_charts()
        self.ask()

    def _places(self, window: tuple[float, float]) -> str:
        return " … ".join(place_on(self.axis, x) for x in window)

    def _follow(self, before: tuple[float, float] | None, now: tuple[float, float] | None) -> None:
        """What is zoomed at the newest values stays with them."""
        window = self._window
        if window is None or before is None or now is None or now[1] <= before[1] or window[1] < before[1]:
            return
        self._window = now[1] - (window[1] - window[0]), now[1]
        self.ask()

    def on_chart_zoomed(self, message: Chart.Zoomed) -> None:
        self._zoom(message.by, message.x)

    def on_chart_pointed(self, message: Chart.Pointed) -> None:
        """The cursor where the mouse is, in every chart; the one it is in gets the focus."""
        place = self.query_one(ChartGrid).place_of(message.chart)
        if self._heat or (ends := self._ends()) is None or place is None:
            return
        if self.drawn is not None and place != self.drawn.focus:
            self._focus_chart(place)
        xs = self._columns(*ends[1])
        if len(xs):
            self._point_at(float(xs[int(np.abs(xs - message.x).argmin())]))

    def action_whole(self) -> None:
        self._look_at(-np.inf, np.inf)

    def action_cursor(self) -> None:
        """The cursor on the newest values, or off."""
        if self._cursor is not None and self.shows_charts:
            self._point_at(None)
        elif (ends := self._ends_or_told()) is not None:
            self._cursor = ends[1][1]
            self._move_cursor(0)

    def action_stride(self, by: int) -> None:
        """The cursor ten columns on; without one, as without the shift key."""
        if self._cursor is None:
            self.go_sideways(by)
        else:
            self._move_cursor(by * _STRIDE)

    def go_sideways(self, by: int) -> None:
        """What the arrows do: they move the cursor, else what is zoomed, else to the next charts."""
        if self._cursor is not None:
            self._move_cursor(by)
        elif self._window is not None:
            self.action_pan(by)
        else:
            self.action_metrics(by)

    def _move_cursor(self, by: int) -> None:
        """By so many columns of the chart in focus; at the edge of what is zoomed, that moves."""
        if (ends := self._ends()) is None or self._cursor is None:
            return
        left, right = ends[1]
        xs = self._columns(left, right)
        if not len(xs):
            return
        at = int(np.abs(xs - self._cursor).argmin()) + by
        if self._window is not None and not 0 <= at < len(xs):
            self.action_pan(1 if at > 0 else -1)
            return
        if by and not 0 <= at < len(xs):
            self.say("That is the last value." if at > 0 else "That is the first value.")
        self._point_at(float(xs[max(0, min(at, len(xs) - 1))]))

    def _point_at(self, x: float | None) -> None:
        """The cursor there, in every chart."""
        self._cursor = x
        self.query_one(ChartGrid).point_at(x)
        self.cursor_moved()

    def _columns(self, left: float, right: float) -> np.ndarray:
        """The places on the axis that the cursor can stand at: where the chart in focus has values."""
        drawn = self.drawn
        if drawn is None:
            return np.empty(0)
        at = drawn.focus - drawn.first
        curves = drawn.heat.curves if drawn.heat and self._heat else drawn.charts[at : at + 1]
        flat = [c for one in curves for c in (one if isinstance(one, tuple) else (one,))]
        xs = np.unique(np.concatenate([np.empty(0), *(c.x for c in flat)]))
        return xs[(xs >= left) & (xs <= right)]

    # -- other runs

    def action_overlay(self) -> None:
        from gentui.tui.screens.overlay import OverlayScreen

        self.app.push_screen(OverlayScreen(self.run_id, self._layout.marks), self._laid_anew)

    def _laid_anew(self, _: object) -> None:
        self._focus = 0
        if not self.shows_charts:
            self.go_to_charts()
        self.ask()


def following(choices: tuple[Any, ...], now: Any) -> Any:
    """The choice after this one, round and round."""
    return choices[(choices.index(now) + 1) % len(choices)]
