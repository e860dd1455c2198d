"""What an event's ``protocol_detail`` says of how a score was measured."""

from __future__ import annotations

from typing import Any, NamedTuple

from gentui.index.files import text, whole
from gentui.text.sanitize import clean


class Conditions(NamedTuple):
    """How images were drawn for a score. Text is clean; what an old event does not say is "" or None.

    ``precision``: of the net's arithmetic. ``labels``: the law they were drawn from. ``noises``: how many.
    """

    precision: str
    labels: str
    noises: int | None


def conditions_of(detail: dict[str, Any]) -> Conditions:
    """The conditions in a ``protocol_detail``."""
    precision, labels = (clean(text(detail.get(key)), 100) for key in ("precision", "labels"))
    return Conditions(precision, labels, whole(detail.get("noises")) or None)


def over_of(over: str, std: float | None, detail: dict[str, Any]) -> str:
    """What ``std`` is over. Old events say it in the metric's parameters only: ``100 subsets of 500``."""
    return over or (clean(text(detail.get("how")), 60) if std is not None else "")
