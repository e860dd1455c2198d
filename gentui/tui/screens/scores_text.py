"""The scores of a run as text."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from gentui.runs import scores
from gentui.runs.metric_names import label, published_name
from gentui.text import numbers
from gentui.text.sanitize import clean

_ROLES = {
    "report": "report",
    "selection": "selection: chooses the checkpoint",
    "": "",
}
"""The headings of roles, in the order they are shown in."""


def scores_text(run: Any, evaluations: list[Any]) -> Content:
    """The published figure; then the scores, reports first, by protocol, the newest first, after that of real images.

    ``run`` is a RunRow, ``evaluations`` are its evaluations, the oldest first.
    """
    parts: list[Any] = []
    reference = run.reference
    if isinstance(reference, dict) and (value := numbers.real(reference.get("value"))) is not None:
        metric = published_name(str(reference.get("metric", "")))
        parts += [("Published  ", "bold"), (f"{metric} {numbers.number(value)}", "bold")]
        parts += [(f"  {clean(reference.get('protocol', ''), 200)}", "$text-muted"), "\n\n"]
    by_protocol: dict[tuple[str, str, str], list[Any]] = {}
    for role in _ROLES:
        for evaluation in evaluations:
            if evaluation.role == role:
                by_protocol.setdefault((role, evaluation.metric, evaluation.protocol), []).append(evaluation)
    for (role, _, protocol), of in by_protocol.items():
        parts += [
            (label(of[0]), "bold"),
            (f"   {heading}" if (heading := _ROLES[role]) else "", "$secondary"),
        ]
        parts += [(f"   {clean(protocol, 300)}", "$text-muted"), "\n", *_real_images(of)]
        parts += [part for score in reversed(of) for part in _line(score)]
        parts.append("\n")
    if any(map(scores.is_selection, evaluations)):
        parts += [(scores.SELECTION_CAPTION, "$text-muted"), "\n"]
    if not evaluations:
        parts.append(("No score yet.\n", "$text-muted"))
    return Content.assemble(*parts)


def _real_images(of: list[Any]) -> list[Any]:
    """The score of real images, of the newest score that has it."""
    floor = next((text for score in reversed(of) if (text := scores.floor_text(score, numbers.number))), "")
    if not floor:
        return []
    caption = scores.REAL_IMAGES_CAPTION.removeprefix(scores.REAL_IMAGES)
    return [(f"  {scores.REAL_IMAGES} {floor}{caption}", "$text-muted"), "\n"]


def _line(score: Any) -> list[Any]:
    is_best = score.best and score.role != "report"
    noise = f"noise seed {score.noise_seed}" if score.role == "report" and score.noise_seed is not None else ""
    seconds = numbers.duration(score.seconds) if score.seconds else ""
    words = [f"over {over}" if (over := clean(scores.over_text(score), 60)) else "", noise, seconds]
    return [
        f"  step {score.step:>9,}   ",
        (f"{scores.value_text(score, numbers.number):>9}", "bold"),
        ("  ★ best" if is_best else "", "$success"),
        ("".join(f"   {word}" for word in words if word), "$text-muted"),
        "\n",
    ]
