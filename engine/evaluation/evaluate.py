"""Evaluation of a generator: draw images, embed them, compare them with real ones under a stated protocol."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import torch

from engine.data.dataset import Progress
from engine.evaluation import fidelity
from engine.evaluation.drawing import Divide, Drawn, Generate, ProgressCounter, SampleSet, draw
from engine.evaluation.floors import floor, stand_ins
from engine.evaluation.frechet import distance
from engine.evaluation.label_law import LabelLaw
from engine.evaluation.protocol import Protocol
from engine.evaluation.score import Announce, Score
from engine.evaluation.statistics import MOST_ROWS, Advance, RealImages
from engine.recipes.published import QUANTISATION
from engine.settings.diagnostics import Problem, RecipeError
from engine.settings.evaluation import FID, MIN_SAMPLES, NEEDS_CLASSES, needs_classifier


@dataclass(frozen=True)
class Evaluation:
    """``scores`` of the generator, and the first images drawn for them."""

    scores: list[Score]
    samples: SampleSet


def evaluate(
    generate: Generate,
    real: RealImages,
    settings: FID,
    *,
    sampling: str,
    precision: str = "",
    labels: LabelLaw | None = None,
    ema: bool | None = None,
    selection: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
    divide: Divide | None = None,
) -> Evaluation:
    """Draw ``settings.samples`` images and score them.

    The scores are ``fid``, then the further metrics of ``settings``, then ``label_accuracy`` or
    ``attribute_accuracy`` when the images have ``labels`` (the law they are asked for by) that the extractor predicts.

    ``sampling`` describes sampler and steps in the protocol, ``precision`` is that of the net. ``selection``: whether
    the scores select a checkpoint. ``ema``: whether the averaged weights are sampled; by
    default as ``settings`` says. ``progress(done, total)`` counts images, including real ones that are still to be
    embedded; it may raise to abandon the evaluation. ``announce`` gets a description of each metric before it is
    computed. ``divide`` shares the work between ranks, see ``draw``. Raises RecipeError when a metric cannot be
    computed here: see ``refuse_unfit``.
    """
    start = time.monotonic()
    refuse_unfit(settings, real, labels)
    counter = ProgressCounter(settings.samples, progress)
    _embed_real(real, settings, counter)
    drawn = draw(generate, real, settings, labels, counter, divide)
    made = Made(
        sampling, settings.ema if ema is None else ema, precision, labels.name if labels else "", selection
    )
    metrics = _Metrics(real, settings, drawn, made, announce or (lambda text: None), counter, start)
    return Evaluation(metrics.compute(), drawn.samples)


@dataclass(frozen=True)
class Made:
    """How the images of an evaluation are made: fields of its protocol."""

    sampling: str
    ema: bool
    precision: str
    labels: str
    selection: bool


class _Metrics:
    """Computes the scores of the images drawn."""

    def __init__(
        self,
        real: RealImages,
        settings: FID,
        drawn: Drawn,
        made: Made,
        announce: Announce,
        counter: ProgressCounter,
        start: float,
    ):
        self._real, self._settings, self._drawn = real, settings, drawn
        self._made = made
        self._announce, self._counter, self._start = announce, counter, start
        self._finite = bool(drawn.finite)
        self._real_count = real.compared_count(settings.split)
        self._scores: list[Score] = []

    def compute(self) -> list[Score]:
        self._fid()
        further = {
            "kid": self._kid, "isc": self._isc, "prc": self._precision_recall, "intra_fid": self._intra_fid,
            "fid_inf": self._fid_infinity,
        }  # fmt: skip
        for name, compute in further.items():
            if name in self._settings.extra_metrics:
                compute()
        self._accuracy()
        return self._scores

    def _fid(self) -> None:
        real = self._real.compared_moments(self._settings.split)
        self._add("fid", distance(self._drawn.moments, real), lower_is_better=True)

    def _kid(self) -> None:
        generated, real = self._compared_features()
        self._describe("kid", len(generated), len(real))
        size = fidelity.subset_size(len(generated), len(real))
        how = f"{fidelity.KID_SUBSETS} subsets of {size}{self._capped()}"
        mean, std = fidelity.kid(generated, real)
        self._add("kid", mean, lower_is_better=True, std=std, over=f"{fidelity.KID_SUBSETS} subsets", how=how)

    def _isc(self) -> None:
        logits = self._drawn.logits
        assert logits is not None
        self._describe("isc", len(logits))
        mean, std = fidelity.isc(logits)
        first = f" of the first {fidelity.ISC_ROWS}" if self._settings.samples > fidelity.ISC_ROWS else ""
        parts = f"{fidelity.ISC_PARTS} parts"
        self._add("isc", mean, lower_is_better=False, std=std, over=parts, how=f"{parts}{first}")

    def _precision_recall(self) -> None:
        how = f"k={fidelity.NEIGHBOURS}{self._capped()}"
        generated, real = self._compared_features()
        self._describe("prc", len(generated), len(real))
        precision, recall = fidelity.precision_recall(generated, real)
        self._add("precision", precision, lower_is_better=False, how=how)
        self._add("recall", recall, lower_is_better=False, how=how)

    def _intra_fid(self) -> None:
        self._describe("intra_fid", self._settings.samples, self._real_count)
        value = self._real.intra_class_distance(self._settings.split, self._drawn.class_moments)
        self._add("intra_fid", value, lower_is_better=True)

    def _fid_infinity(self) -> None:
        features = self._drawn.features
        self._describe("fid_inf", len(features), self._real_count)
        sizes = fidelity.fit_sizes(len(features), self._real.extractor.dims)
        value = fidelity.fid_infinity(features, self._real.compared_moments(self._settings.split))
        how = f"{len(sizes)} sizes of {sizes[0]}–{sizes[-1]}"
        self._add("fid_inf", value, lower_is_better=True, how=how)

    def _accuracy(self) -> None:
        if self._drawn.matches is not None:
            metric = "attribute_accuracy" if self._real.dataset.attributes else "label_accuracy"
            self._add(metric, float(self._drawn.matches) / self._settings.samples, lower_is_better=False)

    def _compared_features(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of (generated, real) images for kid and prc: at most ``MOST_ROWS`` of each."""
        return self._drawn.features[:MOST_ROWS], self._real.compared_features(self._settings.split)

    def _capped(self) -> str:
        """Words for the protocol when kid and prc do not use all images."""
        counts = (self._settings.samples, "generated"), (self._real_count, "real")
        return "".join(f" of {MOST_ROWS} {what}" for count, what in counts if count > MOST_ROWS)

    def _describe(self, metric: str, generated: int, real: int | None = None) -> None:
        images = f" generated and {real:,} real images" if real else " generated images"
        self._announce(f"computing {metric} of {generated:,}{images}")

    def _add(
        self, metric: str, value: float, *, lower_is_better: bool, std: float | None = None, over: str = "",
        how: str = "",
    ) -> None:  # fmt: skip
        if not self._finite:
            value, std, over = math.nan, None, ""
        seconds = time.monotonic() - self._start
        settings, protocol = self._settings, self._protocol(metric, how)
        counts = torch.tensor([moments.count for moments in self._drawn.class_moments])
        reached = floor(self._real, metric, settings.split, settings.samples, self._announce, counts)
        floor_value, floor_std = (None, None) if reached is None else (reached.value, reached.std)
        self._scores.append(
            Score(metric, value, lower_is_better, protocol, floor_value, seconds, std, over, floor_std)
        )
        if self._settings.extra_metrics:
            self._counter.add(0)  # a sign of life: some metrics take seconds

    def _protocol(self, metric: str, how: str) -> Protocol:
        dataset, extractor, settings = self._real.dataset, self._real.extractor, self._settings
        height, width = dataset.image_shape[1:]
        return Protocol(
            metric=metric,
            extractor=extractor.name,
            extractor_hash=extractor.hash,
            dataset=dataset.name,
            dataset_hash=dataset.fingerprint[:8],
            split=settings.split,
            split_size=self._real_count,
            samples=settings.samples,
            resize=extractor.resize(height, width),
            quantisation=QUANTISATION[settings.quantise],
            how=how,
            noises=1,
            batch_norm=settings.batch_norm,
            stretched=settings.stretch,
            statistics=self._real.given.name if self._real.given else "",
            **asdict(self._made),
        )


def refuse_unfit(settings: FID, real: RealImages, labels: LabelLaw | None) -> None:
    """Raise RecipeError, with the reasons, when these data, this extractor or these labels do not allow a requested
    metric. ``labels``: the law of a conditional model, None for others."""
    conflicts = [Problem("recipe", "evaluate.also", message) for message in _conflicts(settings, real, labels)]
    if conflicts:
        raise RecipeError(conflicts)


def _conflicts(settings: FID, real: RealImages, labels: LabelLaw | None) -> Iterator[str]:
    dataset, split, further = real.dataset, settings.split, {*settings.extra_metrics}
    classes, count = len(dataset.classes), len(dataset.split(split))
    if real.given is not None:
        if {"kid", "prc"} & further and real.given.features is None:
            yield f"kid and prc need features, and {real.given.name} has only their mean and covariance"
        count = real.given.count or MIN_SAMPLES
    if count < 2:
        yield f"a Fréchet distance needs two real images, and the {split} split has {count}: choose evaluate.split"
    if "isc" in further and not real.extractor.tells_classes:
        yield needs_classifier(real.extractor.name)
    if {"kid", "prc"} & further and count < MIN_SAMPLES:
        yield f"kid and prc need {MIN_SAMPLES} real images, and the {split} split has {count}"
    if "intra_fid" not in further:
        return
    if labels is None or not classes:
        yield NEEDS_CLASSES
    elif scarce := real.scarce_classes(split):
        scarcest = dataset.classes[scarce[0]]
        yield f"intra_fid needs two images of every class: the {split} split has fewer of {scarcest!r}"
    elif (counts := torch.bincount(labels.draw(settings.samples), minlength=classes)).min() < 2:
        rarest = dataset.classes[int(counts.argmin())]
        yield (
            f"intra_fid needs two samples of every class: of {settings.samples}, labelled {labels.name}, "
            f'{int(counts.min())} would be of {rarest!r}; raise evaluate.samples, or set evaluate.labels = "uniform"'
        )


def _embed_real(real: RealImages, settings: FID, counter: ProgressCounter) -> None:
    """Embed all real images that the scores need, so that ``counter`` knows the whole work from the start.

    Two splits are needed: images of one stand in for generated ones in the floors. Features come first: statistics are
    of them where every image has one.
    """
    dataset, further = real.dataset, {*settings.extra_metrics}
    pending: list[tuple[int, Callable[[Advance], object]]] = []
    for name in (settings.split, stand_ins(settings.split)):
        split, is_compared = dataset.split(name), name == settings.split
        if len(split) < 2 or (is_compared and real.given is not None):
            continue
        has_all = real.keeps_all_features(name)
        if (not is_compared or {"kid", "prc"} & further) and real.lacks_features(name):
            pending.append((min(len(split), MOST_ROWS), partial(real.features, name)))
            has_all = len(split) <= MOST_ROWS
        if not is_compared:
            continue
        if real.lacks_statistics(name):
            pending.append((0 if has_all else len(split), partial(real.statistics, name, None)))
        if "intra_fid" in further and not real.scarce_classes(name) and split.labels is not None:
            sizes = torch.bincount(split.labels, minlength=len(dataset.classes)).tolist()
            for label, size in enumerate(sizes):
                if real.lacks_statistics(name, label):
                    pending.append((0 if has_all else size, partial(real.statistics, name, label)))
    counter.total += sum(size for size, _ in pending)
    for size, embed in pending:
        expected = counter.done + size
        embed(counter.add)
        counter.add(expected - counter.done)  # those that another process has embedded
