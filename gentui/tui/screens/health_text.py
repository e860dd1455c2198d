"""The health of a run as text: alarms with cause and remedy, signals, the cost of scoring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len
from textual.content import Content

from gentui.metrics.namespaces import SIGNAL
from gentui.runs import alarms
from gentui.text import numbers
from gentui.text.sanitize import clean, fit
from gentui.tui import formatting

_COLOURS = {"error": "$error", "warning": "$warning", "info": "$primary"}
_LONGEST = 400


def health_text(run: Any, alerts: list[Any], signals: Mapping[str, Any]) -> Content:
    """``run`` is a RunRow, ``alerts`` are its AlertRows, the oldest first, ``signals`` are charts by metric."""
    parts: list[Any] = []
    if run.reason and run.status not in (
        "running",
        "queued",
        "done",
    ):  # the head of the screen may have no room for it
        parts += [(formatting.status(run.status)[0], "bold"), f"  {clean(run.reason, _LONGEST)}\n\n"]
    for alert in reversed(alerts):
        sign = f"{alarms.SIGNS[alert.severity]} {alert.severity}"
        parts += [(sign, f"bold {_COLOURS[alert.severity]}"), f"  {clean(alert.sentence, _LONGEST)}"]
        parts += [(f"  {clean(alarms.since(alert), _LONGEST)}", "$text-muted"), "\n"]
        for line in alarms.advice(alert):
            word, _, text = clean(line, _LONGEST).partition(" ")
            parts += [(f"    {word} ", "$text-muted"), text, "\n"]
    if not alerts:
        parts.append((f"✓ {alarms.NO_ALARM}\n", "$success"))
    parts.append("\n")
    if signals:
        parts.append(("Signals\n", "bold"))
    longest = max((len(chart.mean) for chart in signals.values()), default=0)
    names = {metric: clean(alarms.signal_name(metric.removeprefix(SIGNAL)), 60) for metric in signals}
    widest = max(map(cell_len, names.values()), default=0)
    for metric, chart in signals.items():
        name, value = metric.removeprefix(SIGNAL), run.metrics.get(metric)
        parts += [
            f"  {fit(names[metric], widest)}",
            (f"{numbers.number(value):>9}  ", "bold"),
        ]
        parts += [fit(formatting.spark(chart.mean), longest), _verdict(alarms.verdict(run, name, value)), "\n"]
    if signals:
        parts.append("\n")
    if cost := alarms.cost(run):
        parts.append((f"{cost[0].upper()}{cost[1:]}.\n", "$text-muted"))
    return Content.assemble(*parts)


def _verdict(verdict: alarms.Verdict) -> tuple[str, str]:
    """How a signal stands to its threshold; a tick only where a rule looks at it."""
    if verdict.severity:
        return f"  {alarms.SIGNS[verdict.severity]} {verdict.text}", _COLOURS[verdict.severity]
    if verdict.is_fine is None:
        return f"    {verdict.text}", "$text-muted"
    return (f"  ✓ {verdict.text}", "$success") if verdict.is_fine else (f"  ▲ {verdict.text}", "$warning")
