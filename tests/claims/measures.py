"""What the claims are judged by: scores and losses of a run, and statistics of the images its checkpoint draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.data.conditions import Conditions
from engine.data.dataset import Dataset, open_dataset, to_uint8
from engine.inference.loading import Trained, load_trained
from engine.methods import Generates
from engine.methods.sampling import REPORT_SEED, Noise
from engine.runs.directory import RunDir
from engine.runs.events import iter_events

DRAWN = 256
LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Measured:
    """A finished run."""

    run: RunDir

    @cached_property
    def _events(self) -> list[dict]:
        return [event for _, path in self.run.events_files() for event in iter_events(path)]

    def scores(self, metric: str, role: str = "report") -> list[float]:
        """The values of a metric in the order they were measured: reports, or what selected the checkpoint."""
        return [
            event["value"]
            for event in self._events
            if event["kind"] == "evaluation" and event["metric"] == metric and event.get("role") == role
        ]

    def score(self, metric: str) -> float:
        """The first report of a metric, that of the end of training."""
        return self.scores(metric)[0]

    def series(self, name: str) -> list[float]:
        """Every logged value of a metric, in the order of the steps."""
        found: dict[int, float] = {}
        for event in self._events:
            if event["kind"] == "metrics" and name in event["values"]:
                found[event["step"]] = event["values"][name]
        return [found[step] for step in sorted(found)]

    def last_loss(self, batches: int = 200) -> float:
        """Mean loss of the last batches."""
        return fmean(self.series("loss")[-batches:])

    # -- images

    @cached_property
    def _trained(self) -> Trained:
        return load_trained(self.run, "cpu")

    @cached_property
    def data(self) -> Dataset:
        return open_dataset(self._trained.recipe.data)

    @cached_property
    def drawn(self) -> Tensor:
        """Samples of the best checkpoint, uint8 N,C,H,W; of a conditional model with the labels in turn."""
        trained = self._trained
        method = trained.method
        assert isinstance(method, Generates)
        labels = Conditions.of(self.data).any_labels(DRAWN) if method.conditional else None
        noise = Noise(method, REPORT_SEED)
        parts = []
        for start in range(0, DRAWN, 64):
            asked = None if labels is None else labels[start : start + 64]
            parts.append(to_uint8(method.sample(trained.recipe.sample, noise.draw(64), asked)))
        return torch.cat(parts)

    @cached_property
    def real(self) -> Tensor:
        return self.data.test.images[:DRAWN]

    @property
    def sharpness(self) -> float:
        """Mean absolute Laplacian of the samples over that of test images: 1 is as sharp as real, below is blurred."""
        return edges(self.drawn) / edges(self.real)

    @property
    def spread(self) -> float:
        """Standard deviation from sample to sample, pixel by pixel, over that of test images: 0 where all are alike.

        Of a model of classes it is that within each class.
        """
        method = self._trained.method
        classes = len(self.data.classes) if isinstance(method, Generates) and method.conditional else 0
        if not classes:
            return deviation(self.drawn) / deviation(self.real)
        labels = torch.arange(DRAWN) % classes
        test = self.data.test
        drawn = fmean(deviation(self.drawn[labels == label]) for label in range(classes))
        return drawn / fmean(deviation(test.images[test.labels == label]) for label in range(classes))

    @property
    def corners(self) -> tuple[float, float]:
        """Mean level, 0 to 255, of the four corners (a sixteenth of a side) of samples, and of test images."""
        return corners(self.drawn), corners(self.real)


def deviation(images: Tensor) -> float:
    """Standard deviation over images uint8 N,C,H,W, the mean over their pixels, in levels."""
    return float(images.double().std(0).mean())


def edges(images: Tensor) -> float:
    """Mean absolute Laplacian of images uint8 N,C,H,W, in levels."""
    flat = images.double().flatten(0, 1)[:, None]
    return float(F.conv2d(flat, LAPLACIAN.double()[None, None]).abs().mean())


def corners(images: Tensor) -> float:
    """Mean level of the squares in the four corners of images uint8 N,C,H,W."""
    side = max(1, images.shape[-1] // 16)
    return float(torch.cat([
        images[..., rows, columns].double().flatten()
        for rows in (slice(None, side), slice(-side, None))
        for columns in (slice(None, side), slice(-side, None))
    ]).mean())  # fmt: skip
