"""How a run's health is told: alarms and what scoring costs, alike in the app, on the command line and in files.

An alarm is an ``alert`` event; a signal is a metric whose name begins with ``SIGNAL``. What is told of a severity
is a sign and a word or a number, never a colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gentui.index import AlertRow, RunRow

SEVERITIES = ("error", "warning", "info")
"""Of alarms, the worst first."""
SIGNS = {"error": "‼", "warning": "▲", "info": "i"}
SIGNAL = "health/"
NONE = "no alarm was raised"


def count(run: RunRow) -> str:
    """``‼ 2``: the sign of the worst alarm and how many there are; "" for none."""
    return f"{SIGNS[run.worst]} {run.alerts}" if run.worst else ""


def names(run: RunRow) -> str:
    """The names of the run's alarms, the worst first; "" for none."""
    return ", ".join(name for _, name in run.alarms)


def headline(run: RunRow) -> str:
    """``▲ warning: class-ignored +1``: the worst alarm, and how many others there are; "" for none."""
    if not run.alarms:
        return ""
    severity, name = run.alarms[0]
    return f"{SIGNS[severity]} {severity}: {name}" + (f" +{run.alerts - 1}" if run.alerts > 1 else "")


def lines(alert: AlertRow) -> list[str]:
    """An alarm in words: what is seen since when, then why and what to try, where that is known."""
    told = [f"{SIGNS[alert.severity]} {alert.severity}: {alert.sentence} (since step {alert.began:,})"]
    told += [f"cause: {alert.cause}"] if alert.cause else []
    return told + ([f"try: {alert.remedy}"] if alert.remedy else [])


def cost(run: RunRow) -> str:
    """``scores took 8 s of 92 s, 9 %``; "" where none was made in training."""
    if not run.evaluation_seconds or (share := run.evaluation_share) is None:
        return ""
    return f"scores took {_seconds(run.evaluation_seconds)} of {_seconds(run.seconds)}, {share:.0%}".replace(
        "%", " %"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
