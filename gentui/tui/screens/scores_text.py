"""The scores of a run as text."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from gentui.text import numbers
from gentui.text.numbers import plus_minus
from gentui.text.sanitize import clean


def scores_text(run: Any, evaluations: list[Any]) -> Content:
    """The published figure; then the scores by protocol, the newest first, after that of real images.

    ``run`` is a RunRow, ``evaluations`` are its evaluations, the oldest first.
    """
    parts: list[Any] = []
    reference = run.reference
    if isinstance(reference, dict) and reference.get("value") is not None:
        metric, value = clean(reference.get("metric", ""), 20), float(reference["value"])
        parts += [("Published  ", "bold"), (f"{metric} {numbers.number(value)}", "$accent")]
        parts += [(f"  {clean(reference.get('protocol', ''), 200)}", "$text-muted"), "\n\n"]
    by_protocol: dict[tuple[str, str], list[Any]] = {}
    for evaluation in evaluations:
        by_protocol.setdefault((evaluation.metric, evaluation.protocol), []).append(evaluation)
    for (metric, protocol), scores in by_protocol.items():
        parts += [(clean(metric, 40), "bold"), (f"   {clean(protocol, 300)}", "$text-muted"), "\n"]
        floor = next((s.floor for s in scores if s.floor is not None), None)
        if floor is not None:
            parts += [
                (f"  real data {numbers.number(floor)}: the score of real images", "$text-muted"),
                "\n",
            ]
        for s in reversed(scores):
            best = ("  ★ best", "$accent") if s.best else ""
            parts += [
                f"  step {s.step:>9,}   ",
                (f"{plus_minus(s.value, s.std, numbers.number):>9}", "bold"),
                best,
            ]
            parts += [(f"   {numbers.duration(s.seconds)}" if s.seconds else "", "$text-muted"), "\n"]
        parts.append("\n")
    if not evaluations:
        parts.append(("No score yet.\n", "$text-muted"))
    return Content.assemble(*parts)
