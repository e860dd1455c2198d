"""The protocol of a score: all that must be equal before two scores may be ranked together. Torch-free."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """How a score was made. Hashes are 8 hex digits: of the extractor's weights, of the data set's content."""

    metric: str
    extractor: str
    extractor_hash: str
    dataset: str
    dataset_hash: str
    split: str
    split_size: int
    samples: int
    resize: str
    quantisation: str
    sampler: str
    steps: int
    ema: bool

    @property
    def name(self) -> str:
        """For a person: ``fid · digits-cnn@1a2b3c4d · train 1437 · n=500 · heun 18 · ema``.

        Resizing is named where images had to be resized.
        """
        parts = [
            self.metric,
            f"{self.extractor}@{self.extractor_hash}",
            f"{self.split} {self.split_size}",
            f"n={self.samples}",
            f"{self.sampler} {self.steps}",
        ]
        if self.resize != "none":
            parts.append(f"resized {self.resize}")
        return " · ".join([*parts, "ema"] if self.ema else parts)

    @property
    def id(self) -> str:
        """8 hex digits of the sha256 of the canonical JSON: equal exactly when every field is."""
        canonical = json.dumps(self.detail(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]

    def detail(self) -> dict[str, Any]:
        """Every field, as an evaluation event carries them."""
        return asdict(self)
