"""Protocols: how a score was computed. Only scores under the same protocol may be compared. Torch-free."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from engine.recipes.published import QUANTISATION

LATER_FIELDS = frozenset(
    {"how", "labels", "noises", "selection", "precision", "batch_norm", "stretched", "statistics"}
)


@dataclass(frozen=True)
class Protocol:
    """How a score was computed. Hashes have 8 hex digits: of the extractor's weights and of the data set's content.

    Fields that do not apply to a metric are empty (0 for numbers).
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
    sampling: str = ""  # sampler, steps and other settings of sampling: ``heun 18``
    ema: bool = False
    selected_by: str = ""  # the metric that selects the checkpoint, if it is not this one
    how: str = ""  # parameters of the metric itself: ``100 subsets of 1000``
    labels: str = ""  # which labels a conditional model is asked for: ``as in the data``
    noises: int = 0  # noises that the value is a mean over
    selection: bool = False  # whether it is on the noise that the checkpoint is selected on
    precision: str = ""  # of the net while sampling or classifying
    batch_norm: int = 0  # samples in a batch that BatchNorm normalised by its own statistics
    stretched: bool = False  # whether each sample was stretched to the whole range
    statistics: str = ""  # file of the real images' features or moments, and its hash: ``real.npz@1a2b3c4d``

    @property
    def name(self) -> str:
        """The protocol in words: ``fid · digits-cnn@1a2b3c4d · train 1437 · n=500 · heun 18 · ema``.

        Fields that do not apply are left out, and resizing too when no image was resized.
        """
        parts = [
            self.metric,
            f"{self.extractor}@{self.extractor_hash}" if self.extractor else "",
            self._real,
            f"n={self.samples}" if self.samples else "",
            self.how,
            self.sampling,
            self.precision,
            f"BatchNorm in training mode by {self.batch_norm}" if self.batch_norm else "",
            "each sample stretched" if self.stretched else "",
            "not quantised" if self.quantisation == QUANTISATION[False] else "",
            f"labels {self.labels}" if self.labels else "",
            self._noise,
            f"resized {self.resize}" if self.resize != "none" else "",
            f"chosen by {self.selected_by}" if self.selected_by else "",
            "ema" if self.ema else "",
        ]
        return " · ".join(part for part in parts if part)

    @property
    def _real(self) -> str:
        """The real images: ``train 1437``, or the file of their statistics."""
        if not self.statistics:
            return f"{self.split} {self.split_size}"
        return self.statistics + (f" of {self.split_size} images" if self.split_size else "")

    @property
    def _noise(self) -> str:
        if self.selection:
            return "selection noise"
        return f"{self.noises} noise{'s' if self.noises != 1 else ''}" if self.noises else ""

    @property
    def id(self) -> str:
        """First 8 hex digits of the sha256 of all fields as canonical JSON."""
        canonical = json.dumps(self.detail(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]

    def detail(self) -> dict[str, Any]:
        """All fields, as they are written to ``evaluation`` events.

        ``LATER_FIELDS`` are left out when empty, so that scores made before they existed keep their protocol id.
        """
        return {name: value for name, value in asdict(self).items() if value or name not in LATER_FIELDS}
