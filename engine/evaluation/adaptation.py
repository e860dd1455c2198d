"""Scores of a classifier that is adapted from a source domain to a target domain.

The checkpoint is selected without any label of the target. ``selection`` is the mean of two numbers between 0 and 1,
both measured on held-out images:

- the accuracy on the domain that supplied the labels, a simple criterion that other validators often do not beat
  (Musgrave, Belongie & Lim 2022, arXiv 2208.07360);
- the information of the predictions on the target's images, (H(mean p) − mean H(p)) / ln K (Shi & Sha 2012,
  arXiv 1206.6438; "IM" in that comparison): high when each prediction is certain and all classes are predicted.

Accuracy alone does not depend on the target; information alone would reward a net that is certain and always wrong.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from engine.data.dataset import Dataset, Progress, Split, to_float
from engine.evaluation.drawing import ProgressCounter
from engine.evaluation.protocol import Protocol
from engine.evaluation.score import Announce, Role, Score, score_of_images
from engine.methods import Classifies, Method
from engine.recipes.recipe import Recipe
from engine.settings.evaluation import Accuracy

ORACLE = "oracle_target_accuracy"


class AccuracyScorer:
    """Scores accuracy on both domains.

    - ``target_accuracy``: on the target's test images; its best checkpoint is the one with the best ``selection``.
    - ``selection``: the criterion that selects the checkpoint, see above.
    - ``source_accuracy``: on the source's test images, when the labels learnt from are the source's.
    - ``oracle_target_accuracy``: the same value as ``target_accuracy``, but its best is chosen by the labels of the
      target, which are unknown in practice. It shows how much the selection without them costs.
    """

    metric = "selection"
    samples = None
    one_off_seconds = 0.0

    def __init__(self, settings: Accuracy, recipe: Recipe, dataset: Dataset, device: torch.device):
        """Raises ValueError when scores are asked for and the data have no target domain or validation split."""
        if settings.times and (dataset.target is None or dataset.validation is None):
            raise ValueError(f"{dataset.name} has no target domain, or no validation split to choose by")
        self.settings, self.dataset, self.device = settings, dataset, device
        self.learns_from_source = getattr(recipe.data, "supervision", "source") == "source"

    def score(
        self, method: Method, progress: Progress | None = None, announce: Announce | None = None
    ) -> list[Score]:
        """Classify held-out images of both domains and score the predictions, to select a checkpoint."""
        return self._score(method, progress, "selection")

    def report(
        self, method: Method, progress: Progress | None = None, announce: Announce | None = None
    ) -> list[Score]:
        """The same of a selected checkpoint, but for the oracle, which is another checkpoint's."""
        scores = self._score(method, progress, "report")
        return [score for score in scores if score.metric != ORACLE]

    def _score(self, method: Method, progress: Progress | None, role: Role) -> list[Score]:
        assert isinstance(method, Classifies), "a method scored by accuracy predicts labels"
        start = time.monotonic()
        source, target, validation = self.dataset, self.dataset.target, self.dataset.validation
        assert target is not None and validation is not None
        unlabelled = target_images(target)
        total = len(validation) + len(unlabelled) + len(target.test) + len(source.test)
        logits = self._classifier(method, ProgressCounter(total, progress))
        on_validation = logits(validation.images, not self.learns_from_source)
        criterion = (accuracy(on_validation, validation) + information(logits(unlabelled, True))) / 2
        on_target = logits(target.test.images, True)
        on_source = logits(source.test.images, False) if self.learns_from_source else None
        protocol = Protocol(
            metric=self.metric,
            dataset=self.dataset.name,
            dataset_hash=target.fingerprint[:8],
            split=f"{'source' if self.learns_from_source else 'target'} validation + target images",
            split_size=len(validation) + len(unlabelled),
            ema=bool(getattr(method, "has_average", False)),
            precision=method.precision,
        )
        seconds = time.monotonic() - start

        def on_test(metric: str, logits: Tensor, of: Dataset, domain: str, **more: str) -> Score:
            data = {"split": f"{domain} test", "split_size": len(of.test), "dataset_hash": of.fingerprint[:8]}
            return _accuracy_score(logits, of.test, replace(protocol, metric=metric, **data, **more), seconds)

        scores = [
            on_test("target_accuracy", on_target, target, "target", selected_by=self.metric),
            Score(self.metric, criterion, False, protocol, None, seconds),
            on_test(ORACLE, on_target, target, "target"),
        ]
        if on_source is not None:
            scores.insert(2, on_test("source_accuracy", on_source, source, "source"))
        return [replace(score, role=role) for score in scores]

    def _classifier(self, method: Classifies, counter: ProgressCounter) -> Callable[[Tensor, bool], Tensor]:
        """A function from images uint8 N,C,H,W, and whether they are the target's, to logits float64 N,K on the CPU."""

        def logits(images: Tensor, of_target: bool) -> Tensor:
            parts = []
            for chunk in images.split(self.settings.batch_size):
                parts.append(method.classify(to_float(chunk.to(self.device)), of_target)[1].double().cpu())
                counter.add(len(chunk))
            return torch.cat(parts)

        return logits


def target_images(target: Dataset) -> Tensor:
    """Validation images of the target, or its training images if it has none: uint8 N,C,H,W. Never its test images."""
    return (target.validation or target.train).images


def accuracy(logits: Tensor, split: Split) -> float:
    """Fraction of a split's images whose label is predicted, from logits N,K; NaN when a logit is not finite."""
    assert split.labels is not None, "accuracy needs labels"
    if not logits.isfinite().all():
        return math.nan
    return float((logits.argmax(1) == split.labels).double().mean())


def _accuracy_score(logits: Tensor, split: Split, protocol: Protocol, seconds: float) -> Score:
    """The accuracy of logits N,K on the images of a split ± its standard error."""
    right = (logits.argmax(1) == split.labels).double()
    return score_of_images(protocol.metric, right, bool(logits.isfinite().all()), protocol, seconds)


def information(logits: Tensor) -> float:
    """Mutual information of images and predicted labels over its maximum: (H(mean p) − mean H(p)) / ln K, 0…1.

    ``logits``: N,K. NaN when a logit is not finite.
    """
    if not logits.isfinite().all():
        return math.nan
    p = logits.softmax(1)
    return float((_entropy(p.mean(0)) - _entropy(p).mean()) / math.log(p.shape[1]))


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum(-1)
