"""What chart screens ask of the index, and what they get: the curves in sight, or the series of a heat map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gentui.config import chart_layouts
from gentui.config.chart_layouts import Layout
from gentui.metrics import grouping
from gentui.metrics.namespaces import SIGNAL, is_signal, is_system
from gentui.metrics.smoothing import NO_SMOOTHING, Smoothing
from gentui.text.matching import matcher
from gentui.tui.curves import Curve
from gentui.tui.overlay import OverlayEntry
from gentui.tui.widgets.chart_text import Curves
from gentui.tui.widgets.heatmap import Heat

if TYPE_CHECKING:
    from gentui.index import Index

SPARSE_RATIO = 4
"""The points of a curve are marked where another curve of its chart has more than this many times as many."""
ALL_METRICS = "all metrics"
LEAST_SERIES, MOST_SERIES = 3, 400
"""Series of a heat map."""


@dataclass(frozen=True)
class ChartRequest:
    """Which charts are in sight: the page of ``count`` charts with the one in ``focus``, each ``columns`` cells wide.

    ``window``: the ends of the visible part of the x axis (None: all). ``hidden``: metrics that are not shown.
    ``runs``: the run and those overlaid on it. ``heat_map``: the name of one, in place of curves. ``filter``: the
    pattern that metrics must match. ``of_machine``: metrics of the machine, not those the run logs.
    ``needs_layout``: read the saved layout of the run's family, too. ``smoothing``: that of the curves.
    """

    focus: int = 0
    count: int = 1
    columns: int = 120
    axis: str = "step"
    window: tuple[float, float] | None = None
    hidden: tuple[str, ...] = ()
    runs: tuple[OverlayEntry, ...] = ()
    heat_map: str = ""
    filter: str = ""
    of_machine: bool = False
    needs_layout: bool = False
    smoothing: Smoothing = NO_SMOOTHING


@dataclass(frozen=True)
class ChartData:
    """The answer to a ``ChartRequest``.

    ``groups``: the metrics of each chart that can be shown. ``charts``: the curves of those in sight, from number
    ``first`` on. ``extent``: the ends of the x axis. ``hidden``, ``filtered``: how many charts are hidden, and how
    many the filter excludes. ``filter_error``: what is wrong with the filter, "" if nothing. ``heat_maps``: names of
    the heat maps there are. ``layout``: the saved layout, and what is wrong with its file. ``metrics``: all that is
    logged. ``alarms``: where on the x axis those of the run began, with their severities.
    """

    groups: list[tuple[str, ...]]
    charts: list[Curves]
    first: int = 0
    focus: int = 0
    extent: tuple[float, float] | None = None
    hidden: int = 0
    filtered: int = 0
    filter_error: str = ""
    heat_maps: tuple[str, ...] = ()
    heat_map: Heat | None = None
    layout: tuple[Layout, str] | None = None
    metrics: tuple[str, ...] = ()
    alarms: tuple[tuple[float, str], ...] = ()


def read_charts(
    index: Index, run: Any, metrics: list[str], scored: Mapping[str, str], request: ChartRequest
) -> ChartData:
    """Read the charts in sight. ``metrics``: all that the run logs; ``scored``: the metrics of its evaluations, each
    with what it is called. A filter looks at both."""
    logged = [name for name in metrics if is_system(name) == request.of_machine]
    groups = grouping.charts(logged, [] if request.of_machine else scored)
    if len(request.runs) > 1:  # the curves of a chart are runs, so each metric has a chart of its own
        groups = [(name,) for group in groups for name in group]
    shown = [left for group in groups if (left := tuple(n for n in group if n not in request.hidden))]
    picks, filter_error = matcher(request.filter)
    matching = [group for group in shown if any(picks(f"{name} {scored.get(name, '')}") for name in group)]
    focus = min(request.focus, max(0, len(matching) - 1))
    first = focus // request.count * request.count
    heat_maps = heat_maps_of([name for name in logged if picks(name)])
    is_heat_map = request.heat_map in heat_maps
    runs = [run.id] if is_heat_map else [one.run for one in request.runs] or [run.id]
    extent = _extent(index, run, runs, request.axis)
    request = replace(request, window=request.window or extent)
    heat_map, charts = None, []
    if is_heat_map:
        heat_map = read_heat_map(index, run.id, [name for name in logged if picks(name)], request)
    else:
        for group in matching[first : first + request.count]:
            curves = [
                replace(curve, name=scored.get(name, ""))
                for name in group
                for curve in _curves(index, run.id, name, name not in logged, request)
            ]
            charts.append(with_points_marked(curves))
    return ChartData(
        matching, charts, first, focus, extent, len(groups) - len(shown), len(shown) - len(matching), filter_error,
        heat_maps, heat_map, chart_layouts.load(run.family) if request.needs_layout else None, tuple(metrics),
        _alarms(index, run.id, request) if len(runs) == 1 and run.alerts else (),
    )  # fmt: skip


def _alarms(index: Index, run_id: str, request: ChartRequest) -> tuple[tuple[float, str], ...]:
    """Where the alarms began, without those that are mere information."""
    raised = [alert for alert in index.alerts(run_id) if alert.severity != "info"]
    places = index.places(run_id, np.array([alert.began for alert in raised], np.float64), request.axis)
    if places is None or not len(places):
        return ()
    return tuple((float(x), alert.severity) for x, alert in zip(places, raised, strict=True))


def _extent(index: Index, run: Any, runs: list[str], axis: str) -> tuple[float, float] | None:
    """The ends of the axis that holds all of these runs. While ``run`` trains there is a little room on its right, so
    that not every new step moves everything."""
    ends = [end for one in runs if (end := index.extent(one, axis)) is not None]
    if not ends:
        return None
    left, right = min(left for left, _ in ends), max(right for _, right in ends)
    return left, left + _rounded_up(right - left) if run.status in ("running", "stalled") else right


def _rounded_up(span: float) -> float:
    """The next of a series of widths that are 1/64 to 1/32 apart."""
    if span <= 0:
        return span
    unit = 2.0 ** (np.ceil(np.log2(span)) - 6)
    return float(np.ceil(span / unit) * unit)


def _curves(index: Index, run_id: str, name: str, is_score: bool, request: ChartRequest) -> list[Curve]:
    """A metric of the run, and of every overlaid run that has it."""
    if len(request.runs) < 2:
        return [read_curve(index, run_id, name, request, is_score)]
    curves = []
    for one in request.runs:
        curve = read_curve(index, one.run, name, request, is_score, like=run_id)
        if curve.points or one.run == run_id:
            curves.append(replace(curve, slot=one.slot, is_baseline=one.is_baseline))
    return curves


def read_curve(
    index: Index, run_id: str, name: str, request: ChartRequest, is_score: bool, like: str | None = None
) -> Curve:
    """A metric along the run, or its scores, of the same protocol as those of the run ``like``. Scores and signals,
    measured at evaluations only, are sparse: marked, not smoothed."""
    is_sparse = is_score or is_signal(name)
    lo, hi = request.window or (None, None)
    if is_score:
        chart = index.score_series(run_id, name, request.axis, like)
    else:
        smoothing = NO_SMOOTHING if is_sparse or request.heat_map else request.smoothing
        chart = index.series(run_id, name, request.columns, lo, hi, request.axis, smoothing)
    return Curve(
        name, chart.x, chart.lo, chart.hi, chart.marks, chart.points, chart.mean, chart.last, request.smoothing,
        chart.smooth, chart.last_smooth, chart.spacing < 1.5, chart.lower_is_better, chart.floor, is_sparse,
    )  # fmt: skip


def with_points_marked(curves: list[Curve]) -> Curves:
    """The curves of one chart; those with far fewer points than the longest are sparse."""
    most = max((curve.points for curve in curves), default=0)
    return tuple(
        replace(curve, sparse=True) if 0 < curve.points * SPARSE_RATIO < most else curve for curve in curves
    )


def heat_maps_of(metrics: list[str]) -> tuple[str, ...]:
    """The heat maps there are: one of the metrics under each prefix that several share, and one of all."""
    prefixes = [name.rpartition("/")[0] for name in metrics]
    shared = [p for p in dict.fromkeys(prefixes) if p and prefixes.count(p) >= LEAST_SERIES]
    return (*shared, *([ALL_METRICS] if len(metrics) > 1 else []))


def read_heat_map(index: Index, run_id: str, metrics: list[str], request: ChartRequest) -> Heat:
    """The series of one heat map. Those of one prefix share a scale, except health signals, which measure different
    things."""
    prefix = "" if request.heat_map == ALL_METRICS else f"{request.heat_map}/"
    chosen = [n for n in metrics if not prefix or (n.startswith(prefix) and "/" not in n[len(prefix) :])]
    curves = (
        replace(read_curve(index, run_id, name, request, is_score=False), key=name.removeprefix(prefix))
        for name in chosen[:MOST_SERIES]
    )
    return Heat(request.heat_map, tuple(curves), is_common=bool(prefix) and prefix != SIGNAL)
