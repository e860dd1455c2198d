"""Score a generator: sample, embed, compare with real images, and say under what protocol."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from engine.data.dataset import Dataset, to_uint8
from engine.evaluation import fidelity
from engine.evaluation.agreement import agreement
from engine.evaluation.frechet import Moments, distance
from engine.evaluation.protocol import Protocol
from engine.evaluation.statistics import MOST_ROWS, Progress, RealImages, can_classify
from engine.settings.diagnostics import Problem, RecipeError
from engine.settings.evaluation import FID, MIN_SAMPLES, NEEDS_CLASSES, needs_classifier

QUANTISATION = "uint8 rounded"
EVIDENCE = 512

Generate = Callable[[int, Tensor | None], Tensor]
"""``generate(count, labels)`` → that many images N,C,H,W: float in [-1, 1], or uint8 already. ``labels`` is
int64 N or float32 N,A on the extractor's device, or None when the model is unconditional."""

Doing = Callable[[str], None]
"""Told in words what is computed, before work of seconds in which no image is counted. What it raises ends that."""


@dataclass(frozen=True)
class Score:
    """One figure and what it means. ``floor`` is what real test images score in place of generated ones, ``std``
    the deviation of the parts that the value is a mean over, where it is one.

    The value is NaN when the generator made pixels that are not finite.
    """

    metric: str
    value: float
    lower_is_better: bool
    protocol: Protocol
    floor: float | None
    seconds: float
    std: float | None = None

    def event(self) -> dict[str, Any]:
        """The fields of an ``evaluation`` event, but for ``best``."""
        return {
            "metric": self.metric,
            "value": self.value,
            "lower_is_better": self.lower_is_better,
            "protocol": self.protocol.name,
            "protocol_id": self.protocol.id,
            "protocol_detail": self.protocol.detail(),
            "selected_by": self.protocol.selected_by,
            "floor": self.floor,
            "seconds": self.seconds,
            **({} if self.std is None else {"std": self.std}),
        }


@dataclass(frozen=True)
class Evidence:
    """The first images drawn, at most ``EVIDENCE``, in order, and what was seen in them; all on the CPU.

    ``images`` uint8 M,C,H,W; ``features`` float32 M,d, None where no extractor saw them; ``logits`` float32 M,K,
    None when the extractor does not classify this data; ``labels`` what was asked for: int64 M or float32 M,A, None
    of an unconditional model.
    """

    images: Tensor
    features: Tensor | None
    logits: Tensor | None
    labels: Tensor | None


@dataclass(frozen=True)
class Evaluation:
    scores: list[Score]
    evidence: Evidence


def evaluate(
    generate: Generate,
    real: RealImages,
    settings: FID,
    *,
    sampling: str,
    conditional: bool = False,
    ema: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
    doing: Doing | None = None,
) -> Evaluation:
    """Draw ``settings.samples`` images and score them: ``fid`` first, then what ``settings.extra_metrics`` asks for,
    then ``label_accuracy``, or ``attribute_accuracy`` where the data has attributes.

    What is asked for when ``conditional``: see ``requested_labels``. Accuracy is there when the extractor
    classifies this very data set. ``ema``: whether the averaged weights are sampled (default: as settings say).
    ``progress(done, total)`` counts images, real ones still to be embedded among them; what it raises ends the
    evaluation. ``doing`` is told each further metric before it is computed. Raises RecipeError for a metric that
    cannot be had here: see ``refuse_unfit``.
    """
    begun, doing = time.monotonic(), doing or (lambda told: None)
    refuse_unfit(settings, real, conditional)
    dataset, extractor, split, further = real.dataset, real.extractor, settings.split, settings.extra_metrics
    count = Count(settings.samples, progress)
    _embed(real, settings, count)
    drawn = _draw(generate, real, settings, conditional, count)
    height, width = dataset.image_shape[1:]
    scores: list[Score] = []

    def add(metric: str, value: float, lower_is_better: bool, std: float | None = None, how: str = "") -> None:
        protocol = Protocol(
            metric=metric,
            extractor=extractor.name,
            extractor_hash=extractor.hash,
            dataset=dataset.name,
            dataset_hash=dataset.fingerprint[:8],
            split=split,
            split_size=len(dataset.split(split)),
            samples=settings.samples,
            resize=extractor.resize(height, width),
            quantisation=QUANTISATION,
            sampling=sampling,
            ema=settings.ema if ema is None else ema,
            how=how,
        )
        value, std = (value, std) if finite else (math.nan, None)
        seconds = time.monotonic() - begun
        floor = _floor(real, metric, doing)
        scores.append(Score(metric, value, lower_is_better, protocol, floor, seconds, std))
        if further:
            count.add(0)  # a sign of life: some of them take seconds

    def say(what: str, made: int, known: int | None = None) -> None:
        doing(
            f"computing {what} of {made:,} generated" + (f" and {known:,} real images" if known else " images")
        )

    finite, known_images = bool(drawn.finite), len(dataset.split(split))
    add("fid", distance(drawn.moments, real.statistics(split).moments), True)
    if "kid" in further:
        generated, known = drawn.features[:MOST_ROWS], real.features(split).features
        say("kid", len(generated), len(known))
        size = fidelity.subset_size(len(generated), len(known))
        how = f"{fidelity.KID_SUBSETS} subsets of {size}{_among(settings, dataset)}"
        mean, std = fidelity.kid(generated, known)
        add("kid", mean, True, std, how)
    if "isc" in further:
        assert drawn.logits is not None
        say("isc", len(drawn.logits))
        mean, std = fidelity.isc(drawn.logits)
        first = f" of the first {fidelity.ISC_ROWS}" if settings.samples > fidelity.ISC_ROWS else ""
        add("isc", mean, False, std, f"{fidelity.ISC_PARTS} parts{first}")
    if "prc" in further:
        how = f"k={fidelity.NEIGHBOURS}{_among(settings, dataset)}"
        generated, known = drawn.features[:MOST_ROWS], real.features(split).features
        say("prc", len(generated), len(known))
        precision, recall = fidelity.precision_recall(generated, known)
        add("precision", precision, False, how=how)
        add("recall", recall, False, how=how)
    if "intra_fid" in further:
        say("intra_fid", settings.samples, known_images)
        add("intra_fid", _mean_distance(drawn.by_class, real, split), True)
    if "fid_inf" in further:
        say("fid_inf", len(drawn.features), known_images)
        sizes = fidelity.fit_sizes(len(drawn.features), extractor.dims)
        value = fidelity.fid_infinity(drawn.features, real.statistics(split).moments)
        add("fid_inf", value, True, how=f"{len(sizes)} sizes of {sizes[0]}–{sizes[-1]}")
    if drawn.right is not None:
        metric = "attribute_accuracy" if dataset.attributes else "label_accuracy"
        add(metric, float(drawn.right) / settings.samples, False)
    return Evaluation(scores, drawn.evidence)


def refuse_unfit(settings: FID, real: RealImages, conditional: bool) -> None:
    """Raises RecipeError, saying why, when a metric asked for cannot be had of these data and this extractor."""
    problems = [Problem("recipe", "evaluate.also", said) for said in _unfit(settings, real, conditional)]
    if problems:
        raise RecipeError(problems)


def _unfit(settings: FID, real: RealImages, conditional: bool) -> Iterator[str]:
    dataset, split, further = real.dataset, settings.split, {*settings.extra_metrics}
    classes, found = len(dataset.classes), len(dataset.split(split))
    if found < 2:
        yield f"a Fréchet distance needs two real images, and the {split} split has {found}: choose evaluate.split"
    if "isc" in further and not real.extractor.tells_classes:
        yield needs_classifier(real.extractor.name)
    if {"kid", "prc"} & further and found < MIN_SAMPLES:
        yield f"kid and prc need {MIN_SAMPLES} real images, and the {split} split has {found}"
    if "intra_fid" not in further:
        return
    if not (conditional and classes):
        yield NEEDS_CLASSES
    elif settings.samples < 2 * classes:
        yield f"intra_fid needs two samples of each of {classes} classes: raise evaluate.samples"
    elif few := _scarce(real, split):
        yield f"intra_fid needs two images of every class: the {split} split has fewer of {dataset.classes[few[0]]!r}"


def _scarce(real: RealImages, split: str) -> list[int]:
    """Classes of fewer than two images, which have no covariance."""
    labels = real.dataset.split(split).labels
    return [
        label
        for label in range(len(real.dataset.classes))
        if labels is None or int((labels == label).sum()) < 2
    ]


def _among(settings: FID, dataset: Dataset) -> str:
    """What kid and prc were measured on, where it is not all there is."""
    counts = (settings.samples, "generated"), (len(dataset.split(settings.split)), "real")
    return "".join(f" of {MOST_ROWS} {what}" for count, what in counts if count > MOST_ROWS)


def _mean_distance(by_class: Sequence[Moments], real: RealImages, split: str) -> float:
    values = [distance(made, real.statistics(split, label).moments) for label, made in enumerate(by_class)]
    return sum(values) / len(values)


def _floor(real: RealImages, metric: str, doing: Doing) -> float | None:
    """What the real test images score in place of generated ones, against the training images; each once."""
    test, train = (lambda: real.features("test")), (lambda: real.features("train"))
    fewest = min(len(real.dataset.test), len(real.dataset.train))

    def compute() -> float | None:
        if metric in _SLOW:
            doing(f"computing the floor of {metric}, of test images")
        match metric:
            case _ if fewest < 2:
                return None
            case "fid":
                return distance(real.statistics("train").moments, real.statistics("test").moments)
            case "label_accuracy" | "attribute_accuracy":
                return real.statistics("test").accuracy
            case "intra_fid":
                if _scarce(real, "train") or _scarce(real, "test"):
                    return None
                labels = range(len(real.dataset.classes))
                return _mean_distance(
                    [real.statistics("test", label).moments for label in labels], real, "train"
                )
            case _ if fewest < MIN_SAMPLES:
                return None
            case "kid":
                return fidelity.kid(test().features, train().features)[0]
            case "isc":
                logits = test().logits
                return None if logits is None else fidelity.isc(logits)[0]
            case "fid_inf":
                return fidelity.fid_infinity(test().features, real.statistics("train").moments)
        precision, recall = real.once(
            "prc", lambda: fidelity.precision_recall(test().features, train().features)
        )
        return precision if metric == "precision" else recall

    return real.once(f"floor of {metric}", compute)


_SLOW = ("kid", "isc", "precision", "intra_fid", "fid_inf")  # recall comes with precision


def _embed(real: RealImages, settings: FID, count: Count) -> None:
    """All of the real images that will be asked about, so that the work there is can be told beforehand.

    Both splits are: the floor is one against the other.
    """
    dataset, further = real.dataset, {*settings.extra_metrics}
    waiting: list[tuple[int, Callable[[Progress], object]]] = []
    for name, split in ("train", dataset.train), ("test", dataset.test):
        if len(split) < 2:
            continue
        if real.lacks_statistics(name):
            waiting.append((len(split), partial(real.statistics, name, None)))
        wanted = {"kid", "prc"} if name == "train" else {"kid", "prc", "isc", "fid_inf"}
        if wanted & further and real.lacks_features(name):
            waiting.append((min(len(split), MOST_ROWS), partial(real.features, name)))
        if "intra_fid" in further and not _scarce(real, name) and split.labels is not None:
            sizes = torch.bincount(split.labels, minlength=len(dataset.classes)).tolist()
            for label, size in enumerate(sizes):
                if real.lacks_statistics(name, label):
                    waiting.append((size, partial(real.statistics, name, label)))
    count.total += sum(size for size, _ in waiting)
    for _, embed in waiting:
        embed(count.add)


def requested_labels(dataset: Dataset, start: int, count: int, device: torch.device | str = "cpu") -> Tensor:
    """Labels of samples number ``start`` and on.

    Classes: 0, 1, … in turn, int64 N, so that each is asked for equally often. Attributes: those of the
    training images in their order, float32 N,A, so that combinations are as frequent as they are in the data.
    """
    numbers = torch.arange(start, start + count)
    if not dataset.attributes:
        return (numbers % len(dataset.classes)).to(device)
    labels = dataset.train.labels
    assert labels is not None, "data with attributes has labels"
    return labels[numbers % len(labels)].to(device, torch.float32)


@dataclass
class Count:
    """Images done, told to a progress that wants (done, total)."""

    total: int
    report: Callable[[int, int], None] | None
    done: int = 0

    def add(self, images: int) -> None:
        self.done += images
        if self.report is not None:
            self.report(min(self.done, self.total), self.total)


@dataclass
class _Drawn:
    """``right``: sum of agreements with what was asked for; ``features`` and ``logits``: of the first drawn, on
    the CPU, as many as any metric wants; ``by_class``: moments of each class, where they are wanted."""

    moments: Moments
    right: Tensor | None
    finite: Tensor
    features: Tensor
    logits: Tensor | None
    by_class: list[Moments]
    evidence: Evidence


@torch.no_grad()
def _draw(generate: Generate, real: RealImages, settings: FID, conditional: bool, count: Count) -> _Drawn:
    """Draw and embed. Nothing here waits for the device but the caller's progress, until all are drawn."""
    dataset, extractor, further = real.dataset, real.extractor, settings.extra_metrics
    device, shape = extractor.device, dataset.image_shape
    classify = can_classify(extractor, dataset)
    right = torch.zeros((), dtype=torch.float64, device=device) if classify and conditional else None
    finite = torch.ones((), dtype=torch.bool, device=device)
    moments = Moments(extractor.dims)
    by_class = [Moments(extractor.dims) for _ in dataset.classes] if "intra_fid" in further else []
    wanted = max([EVIDENCE, *(KEPT[name] for name in further)])
    pictures, labelled = _First(EVIDENCE), _First(EVIDENCE)
    seen, said = _First(wanted), _First(fidelity.ISC_ROWS if "isc" in further else EVIDENCE)
    for start in range(0, settings.samples, settings.batch_size):
        n = min(settings.batch_size, settings.samples - start)
        labels = requested_labels(dataset, start, n, device) if conditional else None
        images = generate(n, labels)
        if tuple(images.shape) != (n, *shape):
            raise ValueError(
                f"asked for images of shape {(n, *shape)}, the generator made {tuple(images.shape)}"
            )
        if images.is_floating_point():
            finite &= images.isfinite().all().to(device)
            images = to_uint8(images)
        if classify or "isc" in further:
            features, logits = extractor.features_and_logits(images)
            said.take(logits)
            if right is not None and labels is not None:
                right += agreement(logits, labels, dataset.groups).sum()
        else:
            features = extractor.features(images)
        moments.update(features)
        for label, of_it in enumerate(by_class):  # the labels go round: see requested_labels
            of_it.update(features[(label - start) % len(by_class) :: len(by_class)])
        pictures.take(images)
        seen.take(features)
        if labels is not None:
            labelled.take(labels)
        count.add(n)
    features, logits = seen.all(), said.all() if classify or "isc" in further else None
    evidence = Evidence(
        images=pictures.all(),
        features=features[:EVIDENCE],
        logits=logits[:EVIDENCE] if classify and logits is not None else None,
        labels=labelled.all() if conditional else None,
    )
    return _Drawn(moments, right, finite, features, logits, by_class, evidence)


KEPT = {"kid": MOST_ROWS, "isc": 0, "prc": MOST_ROWS, "intra_fid": 0, "fid_inf": fidelity.FID_INF_ROWS}
"""How many features each metric wants to have kept."""


class _First:
    """The first ``most`` rows of a stream; they stay on the device until all are asked for."""

    def __init__(self, most: int):
        self._most, self._parts = most, list[Tensor]()

    def take(self, rows: Tensor) -> None:
        if self._most > 0:
            self._parts.append(rows[: self._most].clone())
            self._most -= len(self._parts[-1])

    def all(self) -> Tensor:
        """On the CPU."""
        return torch.cat(self._parts).cpu()
