"""What the run view asks of the index, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gentui.metrics.namespaces import is_signal
from gentui.runs.metric_names import names_of
from gentui.text.tail import Tail
from gentui.tui.screens.chart_data import ChartData, ChartRequest, read_charts
from gentui.tui.screens.run_aside import facts_of
from gentui.tui.widgets.fact_list import Fact

if TYPE_CHECKING:
    from gentui.index import Index

SIGNALS = 24
"""Signals that are shown at most, and the cells of the sparkline of each."""


@dataclass
class RunSnapshot:
    """A run as the index knew it when asked.

    ``facts``: those beside the curves, by the names of their panes. ``overlaid_samples``: the sample grids of the
    overlaid runs, on the samples tab only. ``signals``: charts by metric, on the health tab only. ``log``: the lines of
    the log, None where it is out of sight.
    """

    run: Any
    chart_data: ChartData
    samples: list[Any]
    figures: list[Any]
    evaluations: list[Any]
    alerts: list[Any]
    facts: dict[str, list[Fact]]
    overlaid_samples: dict[str, list[Any]]
    signals: dict[str, Any] | None = None
    log: tuple[str, ...] | None = None


def read_run(
    index: Index, run_id: str, charts: ChartRequest, tab: str, tail: Tail | None
) -> RunSnapshot | None:
    """Read everything that the run view shows on this tab, and the lines of ``tail``. Return None if there is no such
    run."""
    try:
        run = index.run(run_id)
    except KeyError:
        return None
    metrics, evaluations, alerts = index.metric_keys(run_id), index.evaluations(run_id), index.alerts(run_id)
    return RunSnapshot(
        run,
        read_charts(index, run, metrics, names_of(evaluations), charts),
        index.samples(run_id),
        index.figures(run_id),
        evaluations,
        alerts,
        facts_of(run, evaluations, alerts),
        {other.run: index.samples(other.run) for other in charts.runs[1:]} if tab == "samples" else {},
        _signals(index, run_id, metrics) if tab == "health" else None,
        tail.read() if tail is not None else None,
    )


def _signals(index: Index, run_id: str, metrics: list[str]) -> dict[str, Any]:
    """The health signals along the run, as charts by metric."""
    chosen = [name for name in metrics if is_signal(name)][:SIGNALS]
    return {name: index.series(run_id, name, columns=SIGNALS) for name in chosen}
