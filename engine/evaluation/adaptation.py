"""Scores of a classifier that is carried from one domain to another.

The checkpoint is chosen without a target label. ``selection`` is the mean of two figures between 0 and 1, both of
validation images:

- the accuracy on the domain that was learnt from, the simple baseline that in many cases no validator beats
  (Musgrave, Belongie, Lim 2022, arXiv 2208.07360);
- the information the predictions carry on the target's images, H(mean p) − mean H(p) over ln K (Shi & Sha 2012,
  arXiv 1206.6438; "IM" in that comparison): high when each prediction is sure and the classes are all predicted.

Accuracy alone does not see the target; information alone would reward a net that is sure and wrong everywhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from engine.data.dataset import Dataset, Split, to_float
from engine.evaluation.evaluate import Count, Doing, Score
from engine.evaluation.protocol import Protocol
from engine.methods import Classifies, Method
from engine.recipes.recipe import Recipe
from engine.settings.evaluation import Accuracy

Progress = Callable[[int, int], None]


class AccuracyScorer:
    """``target_accuracy`` (its best is where ``selection`` is best), ``selection``, ``source_accuracy`` and
    ``oracle_target_accuracy``: the same figure as the first, its best chosen by the target labels themselves,
    which nobody has; it only tells what the choice cost.

    ``source_accuracy`` is there when the source is what was learnt from.
    """

    metric = "selection"
    evidence = None

    def __init__(self, settings: Accuracy, recipe: Recipe, dataset: Dataset, device: torch.device):
        if settings.times and (dataset.target is None or dataset.validation is None):
            raise ValueError(f"{dataset.name} has no target domain, or no validation split to choose by")
        self.settings, self.dataset, self.device = settings, dataset, device
        self.learnt_from_source = getattr(recipe.data, "supervision", "source") == "source"

    def score(
        self, method: Method, progress: Progress | None = None, doing: Doing | None = None
    ) -> list[Score]:
        assert isinstance(method, Classifies), "a method scored by accuracy predicts labels"
        begun = time.monotonic()
        dataset = self.dataset
        target, validation = dataset.target, dataset.validation
        assert target is not None and validation is not None
        unlabelled = target_images(target)
        count = Count(len(validation) + len(unlabelled) + len(target.test) + len(dataset.test), progress)

        def logits(images: Tensor) -> Tensor:
            parts = []
            for chunk in images.split(self.settings.batch_size):
                parts.append(method.classify(to_float(chunk.to(self.device)))[1].double().cpu())
                count.add(len(chunk))
            return torch.cat(parts)

        selection = (accuracy(logits(validation.images), validation) + information(logits(unlabelled))) / 2
        on_target = accuracy(logits(target.test.images), target.test)
        on_source = accuracy(logits(dataset.test.images), dataset.test) if self.learnt_from_source else None
        seconds = time.monotonic() - begun
        averaged = bool(getattr(method, "averages", False))

        def score(
            metric: str, value: float, split: str, of: Dataset, size: int, selected_by: str = ""
        ) -> Score:
            protocol = Protocol(
                metric=metric,
                dataset=dataset.name,
                dataset_hash=of.fingerprint[:8],
                split=split,
                split_size=size,
                ema=averaged,
                selected_by=selected_by,
            )
            return Score(metric, value, False, protocol, None, seconds)

        test = len(target.test)
        split = f"{'source' if self.learnt_from_source else 'target'} validation + target images"
        scores = [
            score("target_accuracy", on_target, "target test", target, test, selected_by=self.metric),
            score(self.metric, selection, split, target, len(validation) + len(unlabelled)),
            score("oracle_target_accuracy", on_target, "target test", target, test),
        ]
        if on_source is not None:
            scores.insert(2, score("source_accuracy", on_source, "source test", dataset, len(dataset.test)))
        return scores


def target_images(target: Dataset) -> Tensor:
    """The target's held-out images, or its training images where none are: uint8 N,C,H,W. Never its test images."""
    return (target.validation or target.train).images


def accuracy(logits: Tensor, split: Split) -> float:
    """Fraction of the split's images that get their label; NaN when a logit is not finite."""
    assert split.labels is not None, "accuracy needs labels"
    if not logits.isfinite().all():
        return math.nan
    return float((logits.argmax(1) == split.labels).double().mean())


def information(logits: Tensor) -> float:
    """(H(mean p) − mean H(p)) / ln K of predictions N,K, 0…1: the information they carry on their images.

    NaN when a logit is not finite.
    """
    if not logits.isfinite().all():
        return math.nan
    p = logits.softmax(1)
    return float((_entropy(p.mean(0)) - _entropy(p).mean()) / math.log(p.shape[1]))


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum(-1)
