"""The protocol of a score: all that must be equal before two scores may be ranked together. Torch-free."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """How a score was made. Hashes are 8 hex digits: of the extractor's weights, of the data set's content.

    Fields that a metric has no use for are left empty (0 for numbers).
    """

    metric: str
    dataset: str
    dataset_hash: str
    split: str
    split_size: int
    extractor: str = ""
    extractor_hash: str = ""
    samples: int = 0
    resize: str = "none"
    quantisation: str = ""
    sampling: str = ""  # sampler, steps and what else decides the images: ``heun 18``
    ema: bool = False
    selected_by: str = ""  # the metric that chooses the checkpoint, where it is another one
    how: str = ""  # parameters of the metric itself: ``100 subsets of 1000``

    @property
    def name(self) -> str:
        """For a person: ``fid · digits-cnn@1a2b3c4d · train 1437 · n=500 · heun 18 · ema``.

        What does not apply is not named, nor is resizing where no image was resized.
        """
        parts = [
            self.metric,
            f"{self.extractor}@{self.extractor_hash}" if self.extractor else "",
            f"{self.split} {self.split_size}",
            f"n={self.samples}" if self.samples else "",
            self.how,
            self.sampling,
            f"resized {self.resize}" if self.resize != "none" else "",
            f"chosen by {self.selected_by}" if self.selected_by else "",
            "ema" if self.ema else "",
        ]
        return " · ".join(part for part in parts if part)

    @property
    def id(self) -> str:
        """8 hex digits of the sha256 of the canonical JSON: equal exactly when every field is."""
        canonical = json.dumps(self.detail(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]

    def detail(self) -> dict[str, Any]:
        """Every field, as an evaluation event carries them. ``how`` only where it says something, so that scores
        from before it was there keep their protocol."""
        return {name: value for name, value in asdict(self).items() if value or name != "how"}
