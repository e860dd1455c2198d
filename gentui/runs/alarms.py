"""How the app, the command line and exports word a run's alarms, signals and scoring time.

An alarm is an ``alert`` event; a signal is a metric whose name begins with ``SIGNAL``. A severity is shown by a sign
with a word or a number, never by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gentui.metrics.namespaces import SIGNAL, is_signal
from gentui.text.numbers import real, whole_seconds

if TYPE_CHECKING:
    from gentui.index import AlertRow, RunRow

SIGNS = {"error": "‼", "warning": "▲", "info": "i"}
SIGNALS_OF = {
    "collapse": ("diversity", "pixel_spread"),
    "blob": ("pixel_spread",),
    "high-rate": ("change", "change_d", "change_g"),
    "class-ignored": ("label", "label_told"),
    "class-confused": ("label",),
    "memorisation": ("nearest",),
}
"""Alarm -> the signals that raise it; any other alarm is raised by the signal of its own name."""
LIMITS = {
    "diversity": ("diversity", "below"),
    "pixel_spread": ("blob", "below"),
    "label": ("label", "below"),
    "nearest": ("memorisation", "below"),
    "change": ("change", "above"),
    "change_d": ("change", "above"),
    "change_g": ("change", "above"),
}
"""Signal -> its threshold's name in ``[health]``, and the side of it that raises an alarm."""
MEANINGS = {
    "diversity": "real images have 1",
    "pixel_spread": "real images have 1",
    "contrast": "real images have 1",
    "precision": "real images have 1",
    "recall": "real images have 1",
    "label": "0 is chance, 1 as asked for",
    "label_told": "real images have 1",
    "nearest": "unseen images have 1",
}
SIGNAL_NAMES = {
    "pixel_spread": "pixel variance",
    "label": "label accuracy",
    "label_told": "follows the label",
    "nearest": "distance to training set",
    "change": "weight update size",
    "change_d": "weight update size, discriminator",
    "change_g": "weight update size, generator",
}
"""What people read for the names of signals, which data and filters keep."""
ALARM_NAMES = {
    "high-rate": "learning rate too high",
    "class-ignored": "labels ignored",
    "class-confused": "labels confused",
}
"""What people read for the names of alarms in a headline; others are read as they are."""
NO_ALARM = "no problems found"

Alarms = Sequence[tuple[str, str]]
"""(severity, name) of each, the worst first."""


def count(run: RunRow) -> str:
    """``‼ 2``: the sign of the worst alarm and how many there are; "" for none."""
    return f"{SIGNS[run.worst]} {run.alerts}" if run.worst else ""


def named(alarms: Alarms) -> str:
    """``‼ non-finite, slow``: the sign of the worst alarm and every name; "" for none."""
    return f"{SIGNS[alarms[0][0]]} {', '.join(name for _, name in alarms)}" if alarms else ""


def titled(severity: str, name: str) -> str:
    """``▲ learning rate too high``: one alarm, as people read its name."""
    return f"{SIGNS[severity]} {ALARM_NAMES.get(name, name)}"


def headline(run: RunRow) -> str:
    """``▲ learning rate too high, +1 more``: the worst alarm, and how many others there are; "" for none."""
    if not run.alarms:
        return ""
    severity, name = run.alarms[0]
    more = f", +{run.alerts - 1} more" if run.alerts > 1 else ""
    return titled(severity, name) + more


def signal_name(name: str) -> str:
    """What people read for the name of a signal."""
    return SIGNAL_NAMES.get(name, name.replace("_", " "))


def sentence(alert: AlertRow) -> str:
    """An alarm in one line, with its severity, its name and the step of its onset."""
    return f"{SIGNS[alert.severity]} {alert.severity}: {alert.sentence} ({since(alert)})"


def since(alert: AlertRow) -> str:
    """``class-ignored, since step 120``."""
    return f"{alert.name}, since step {alert.began:,}"


def advice(alert: AlertRow) -> list[str]:
    """``cause: …`` and ``try: …``, if known."""
    parts = (("cause", alert.cause), ("try", alert.remedy))
    return [f"{word}: {text}" for word, text in parts if text]


def signals(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that are signals, by their names without the prefix."""
    return {name.removeprefix(SIGNAL): value for name, value in sorted(metrics.items()) if is_signal(name)}


def alarmed(run: RunRow) -> dict[str, str]:
    """The worst severity of the alarms raised by each signal."""
    worst = {}
    for severity, name in run.alarms:
        for signal in SIGNALS_OF.get(name, (name,)):
            worst.setdefault(signal, severity)
    return worst


@dataclass(frozen=True)
class Verdict:
    """How a signal stands to its threshold. ``severity``: that of the alarm it raised, "" for none. ``is_fine``:
    whether it is on the good side of a threshold; None where no rule looks at it alone, so that nothing can be said."""

    text: str
    severity: str = ""
    is_fine: bool | None = None


def verdict(run: RunRow, signal: str, value: float | None) -> Verdict:
    """``above 0.05``, ``below 0.25, no alarm raised``, ``no threshold``, with what the ends of the scale are."""
    severity = alarmed(run).get(signal, "")
    name, bad_side = LIMITS.get(signal, ("", ""))
    limit = real(run.settings.get(f"health.{name}"))
    meaning = f" ({MEANINGS[signal]})" if signal in MEANINGS else ""
    if not run.settings.get("health.alarms", True) and not severity:
        return Verdict(f"alarms are off{meaning}")
    if not limit or value is None or value != value:
        return Verdict(f"alarm{meaning}" if severity else f"no threshold{meaning}", severity)
    is_bad = value < limit if bad_side == "below" else value > limit
    side = bad_side if is_bad else {"below": "above", "above": "below"}[bad_side]
    compared = f"{side} {limit:g}"
    if severity:
        return Verdict(f"alarm, {compared} now{meaning}", severity, False)
    return Verdict(
        f"{compared}, no alarm raised{meaning}" if is_bad else f"{compared}{meaning}", "", not is_bad
    )


def cost(run: RunRow) -> str:
    """``scoring: 8 s of 92 s (9 %)``; "" if the run made no scores while training."""
    if not run.evaluation_seconds or (share := run.evaluation_share) is None:
        return ""
    took, total = whole_seconds(run.evaluation_seconds), whole_seconds(run.seconds)
    return f"scoring: {took} of {total} ({100 * share:.0f} %)"
