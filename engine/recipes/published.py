"""Published figures: under which protocol a score compares with one. Plain Python: the app's index uses it, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

QUANTISATION = {True: "uint8 rounded", False: "none"}
"""How generated images are quantised before they are scored, by the setting ``evaluate.quantise``."""

RESIZING = {"tf1": "tf1-bilinear", "half-pixel": "half-pixel bilinear (pytorch-fid)"}
"""How Inception's images are resized, by the setting ``evaluate.resize``."""

LABELS = {"data": "as in the data", "uniform": "uniform"}
"""The names of the laws that labels are asked for by, by the setting ``evaluate.labels``."""

_WORDS = {
    "split_size": "real images", "quantisation": "quantised", "batch_norm": "BatchNorm by batches of",
    "resize": "resized", "statistics": "compared with",
}  # fmt: skip


def published_fields(reference: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a protocol under which a score compares with a published figure; {} if they are not known.

    ``reference``: a [reference] table, whose ``evaluate`` says in the words of [evaluate] how the figure was made.
    """
    evaluate, real_images = reference.get("evaluate"), reference.get("real_images")
    if not isinstance(evaluate, Mapping):  # a run's copy of the table may be anything
        evaluate = {}
    evaluate = {name: value for name, value in evaluate.items() if isinstance(value, str | int)}
    if not isinstance(real_images, int):
        real_images = None
    if not evaluate and not real_images:
        return {}
    fields: dict[str, Any] = {"metric": reference.get("metric")}
    fields |= {
        name: evaluate[name] for name in ("extractor", "samples", "noises", "labels") if name in evaluate
    }
    if evaluate.get("extractor") == "inception":
        fields["resize"] = RESIZING.get(str(evaluate.get("resize", "tf1")), "")
    if evaluate:
        fields["quantisation"] = QUANTISATION[bool(evaluate.get("quantise", True))]
        fields["stretched"] = evaluate.get("stretch", False)
        fields["batch_norm"] = evaluate.get("batch_norm", 0)
        fields["statistics"] = bool(reference.get("statistics"))
    if real_images:
        fields["split_size"] = real_images
    return fields


def why_unranked(reference: Mapping[str, Any]) -> str:
    """Why no score can be ranked with a published figure, as a clause; "" if one can."""
    return "" if published_fields(reference) else "how it was made is not known"


def disagreements(detail: Mapping[str, Any], fields: Mapping[str, Any], labels_hash: str = "") -> list[str]:
    """What keeps a score from being compared with a published figure: ``180 real images, not 2025``.

    ``detail`` is the score's protocol, ``fields`` are ``published_fields``. A file of labels with ``labels_hash`` (8
    hex digits of its sha256) stands for the published labels.
    """
    found = []
    for name, expected in fields.items():
        given = detail.get(name) or type(expected)()
        match name:
            case "labels":
                expected, given = LABELS.get(str(expected), ""), str(given)
                fits = given.startswith(expected) or (labels_hash and given.endswith(f"@{labels_hash}"))
            case "resize":
                fits = str(given).startswith((expected, "none"))
            case "statistics":
                fits = bool(given) == expected
                given, expected = (
                    given or "a split of the data",
                    "a file of statistics" if expected else "a split",
                )
            case _:
                fits = given == expected
        if not fits:
            found.append(f"{_WORDS.get(name, name)} {given}, not {expected}")
    return found
