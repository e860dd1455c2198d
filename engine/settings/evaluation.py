"""The [evaluate] table: scores and how they are measured."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from engine.settings import registry
from engine.settings.datasets.base import Data, absolute_path
from engine.settings.datasets.folders import Folder
from engine.settings.extractors import INCEPTION, Extractor
from engine.settings.methods import DANN
from engine.settings.registry import Conflict, Settings, register
from engine.settings.samplers import Denoising, beyond_trained_steps

ExtraMetric = Literal["kid", "isc", "prc", "intra_fid", "fid_inf"]
"""Metrics that may be measured in addition to the Fréchet distance; see ``engine.evaluation.fidelity``."""


METRIC_SCORES: dict[str, tuple[str, ...]] = {
    "fid": ("fid",), "kid": ("kid",), "isc": ("isc",), "prc": ("precision", "recall"),
    "intra_fid": ("intra_fid",), "fid_inf": ("fid", "fid_inf"),
}  # fmt: skip
"""The names of the scores that each metric gives."""


AS_IN_DATA, UNIFORM = "data", "uniform"
"""Values of ``evaluate.labels`` that are no files."""

MIN_SAMPLES = 10  # for kid, isc (which splits them into ten), prc and fid_inf


@register("metric", "fid")
class FID(Settings):
    """Fréchet distance (Heusel et al. 2017) between features of generated and real images."""

    metric: str = "fid"
    samples: int = Field(10_000, ge=2, le=10**7, description="generated images per score")
    extractor: str = Field(
        "auto", description="feature extractor; auto: the data set's own, or a probe trained on its labels"
    )
    split: Literal["train", "test"] = Field("train", description="split of the real images to compare with")
    times: int = Field(5, ge=0, le=1000, description="number of scores, spread evenly over the run; 0: none")
    batch_size: int = Field(256, ge=1, le=65536, description="images sampled and embedded at once")
    ema: bool = Field(True, description="score the averaged weights")
    sampler: str = Field(
        "",
        max_length=64,
        description="sampler of the scored images, where it is not that of the grids; empty: it is",
    )
    steps: int = Field(0, ge=0, le=10_000, description="its sampling steps; 0: as many as the grids have")
    also: list[ExtraMetric] = Field(
        [], description="further metrics at each score: kid, isc, prc, intra_fid, fid_inf"
    )
    weights: str = Field(
        "",
        max_length=4096,
        description="file with the extractor's weights; empty: the one found on this machine",
    )
    noises: int = Field(
        3,
        ge=1,
        le=100,
        description="noises that the best checkpoint's reported scores are a mean over; none of them selected it",
    )
    seed: int = Field(0, ge=0, le=10**6, description="seed of those noises")
    labels: str = Field(
        AS_IN_DATA,
        min_length=1,
        max_length=4096,
        description="labels that samples are scored with; data: as frequent as in the training images; uniform: "
        "all equally often; or a file with a label a line",
    )
    resize: Literal["tf1", "half-pixel"] = Field(
        "tf1",
        description="how images are enlarged for inception; tf1: as TensorFlow 1 and torch-fidelity do; half-pixel: "
        "as pytorch-fid and piq do",
    )
    quantise: bool = Field(
        True, description="round samples to the 256 levels of image files before scoring them"
    )
    stretch: bool = Field(
        False,
        description="stretch each sample from its own minimum and maximum to the whole range before scoring it",
    )
    batch_norm: int = Field(
        0,
        ge=0,
        le=65536,
        description="samples in a batch by whose own statistics BatchNorm normalises, as in training; 0: BatchNorm "
        "uses its running statistics",
    )
    statistics: str = Field(
        "",
        max_length=4096,
        description="file of real images' features (.npy), or of their mean and covariance (.npz with mu and sigma), "
        "to compare with instead of a split",
    )
    budget: float = Field(0.1, gt=0, le=1, description="largest share of the run's time that scoring may take")
    factory: ClassVar[str] = "engine.evaluation.scorer:SampleScorer"

    @field_validator("weights", "statistics")
    @classmethod
    def _absolute(cls, path: str) -> str:
        return absolute_path(path) if path else ""

    @field_validator("labels")
    @classmethod
    def _file_or_law(cls, labels: str) -> str:
        return labels if labels in (AS_IN_DATA, UNIFORM) else absolute_path(labels)

    @property
    def extra_metrics(self) -> list[ExtraMetric]:
        """The metrics measured in addition to the Fréchet distance, without repetitions."""
        return [name for name in typing.get_args(ExtraMetric) if name in (*self.also, self.metric)]

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        """Metrics that the samples, the net, the data or the extractor do not allow, as far as settings tell."""
        data, model = parts.get("data"), parts.get("model")
        if self.sampler or self.steps:
            yield from self._of_sampler(parts)
        if self.resize != "tf1" and self.extractor not in ("auto", INCEPTION):
            yield Conflict(
                "resize", f"images are not resized so for {self.extractor}, but for {INCEPTION} alone"
            )
        if self.statistics and "intra_fid" in self.extra_metrics:
            yield Conflict(
                "also", "intra_fid compares class by class, and evaluate.statistics tells no classes"
            )
        if self.batch_norm and 1 in (self.batch_norm, self.samples % self.batch_norm):
            yield Conflict(
                "batch_norm", f"{self.samples:,} samples by {self.batch_norm} leave a batch of one, which BatchNorm "
                "cannot normalise by", "choose a number that divides evaluate.samples",
            )  # fmt: skip
        if self.samples < MIN_SAMPLES and any(name != "intra_fid" for name in self.extra_metrics):
            yield Conflict("samples", f"{', '.join(self.extra_metrics)} need at least {MIN_SAMPLES} samples")
        if "intra_fid" in self.extra_metrics:
            unconditional = model is not None and not getattr(model, "conditional", False)
            if unconditional or (isinstance(data, Data) and not data.classes and not isinstance(data, Folder)):
                yield Conflict("also", NEEDS_CLASSES)
        if "isc" in self.extra_metrics and isinstance(data, Data):
            chosen = registry.find("extractor", data.extractor if self.extractor == "auto" else self.extractor)
            if chosen is not None and issubclass(chosen, Extractor) and not chosen.predicts_classes():
                yield Conflict("also", needs_classifier(chosen.model_fields["extractor"].default))

    def _of_sampler(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        """A sampler that is none, or that the method does not allow, and more steps than were trained."""
        method, own = parts.get("method"), parts.get("sample")
        if method is None or own is None:
            return
        if not isinstance(own, Denoising):
            yield Conflict(
                "sampler" if self.sampler else "steps", "these images are made in one pass", "leave it out"
            )
            return
        name = self.sampler or own.sampler
        kind = registry.find("sampler", name)
        allowed = getattr(method, "samplers", ()) or registry.names("sampler")
        if kind is None or not issubclass(kind, Denoising) or name not in allowed:
            yield Conflict("sampler", f"{name!r} does not fit this method", f"one of: {', '.join(allowed)}")
            return
        yield from beyond_trained_steps(method, self.steps)


NEEDS_CLASSES = "intra_fid compares class by class, and these images are not asked for by class"


def needs_classifier(extractor: str) -> str:
    """The message for an Inception Score asked of an extractor that predicts no classes."""
    return f"isc needs an extractor that tells classes, and {extractor} does not: choose inception, for example"


@register("metric", "ssim")
class SSIM(FID):
    """Choose the best checkpoint by the structural similarity (Wang et al. 2004) of test images to reconstructions.

    The scores are those of ``fid``.
    """

    metric: str = "ssim"


@register("metric", "kid")
class KID(FID):
    """Choose the best checkpoint by kernel distance (Bińkowski et al. 2018). Scores are those of ``fid``."""

    metric: str = "kid"


@register("metric", "accuracy")
class Accuracy(Settings):
    """Accuracy on the target domain, at the checkpoint chosen without its labels: see
    ``engine.evaluation.adaptation``."""

    metric: str = "accuracy"
    times: int = Field(10, ge=0, le=1000, description="number of scores, spread evenly over the run; 0: none")
    batch_size: int = Field(512, ge=1, le=65536, description="images classified at once")
    factory: ClassVar[str] = "engine.evaluation.adaptation:AccuracyScorer"

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        data, method = parts.get("data"), parts.get("method")
        if method is not None and not isinstance(method, DANN):
            yield Conflict(
                "metric", "accuracy is of methods that predict labels", 'set evaluate.metric = "fid"'
            )
        if isinstance(data, Data) and not data.holds_out and self.times:
            yield Conflict(
                "metric", "the checkpoint is chosen on validation images, and none are held out",
                "set data.validation, to 0.1 for example",
            )  # fmt: skip
