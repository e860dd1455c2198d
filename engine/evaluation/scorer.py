"""Scorers: what computes the scores that a recipe's [evaluate] table asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from time import monotonic
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from engine.data.dataset import Dataset, Progress
from engine.devices import send
from engine.evaluation.drawing import Collected, Generate, ProgressCounter, SampleSet, collect
from engine.evaluation.evaluate import evaluate, refuse_unfit
from engine.evaluation.extractors import Extractor, load_extractor
from engine.evaluation.label_law import LabelLaw, label_law
from engine.evaluation.reconstruction import reconstruction_score
from engine.evaluation.score import Announce, Score, mean_over_noises
from engine.evaluation.statistics import RealImages
from engine.evaluation.statistics_file import GivenStatistics, StatisticsError, read_statistics
from engine.methods import Generates, Method, Reconstructs
from engine.methods.sampling import EVALUATION_SEED, REPORT_SEED, Noise
from engine.ranks.sharing import Share
from engine.recipes.recipe import Recipe
from engine.settings import registry
from engine.settings.diagnostics import Problem, RecipeError
from engine.settings.evaluation import FID
from engine.settings.extractors import PROBE
from engine.settings.samplers import Sample

Divided = Callable[[FID, int, Callable[[Share], Collected]], Sequence[Collected]]
"""``divided(settings, seed, collect)`` collects the images of a seed's noise on all ranks, here with ``collect``."""


@runtime_checkable
class Scorer(Protocol):
    """What a recipe's [evaluate] table builds, from (settings, recipe, dataset, device)."""

    metric: str
    """The metric that selects the best checkpoint."""
    samples: SampleSet | None
    """The first images of the newest ``score()``; None before it, and in scorers that draw no images."""

    def score(
        self, method: Method, progress: Progress | None = None, announce: Announce | None = None
    ) -> list[Score]:
        """Score the method as it is now, to select a checkpoint.

        ``progress(done, total)`` is called often, ``announce`` before work that takes seconds without progress; both
        may raise to abandon the scores.
        """
        ...


@runtime_checkable
class Reports(Scorer, Protocol):
    """A scorer whose reports are not the scores that selected the checkpoint."""

    one_off_seconds: float
    """Time spent so far on what is computed once, whatever the number of scores: features of real images, floors."""

    def report(
        self, method: Method, progress: Progress | None = None, announce: Announce | None = None
    ) -> list[Score]:
        """Score the method as it is now, to report on it: as ``score``, but on ``evaluate.noises`` other noises."""
        ...


def build_scorer(
    recipe: Recipe, dataset: Dataset, device: torch.device, progress: Progress | None = None
) -> Scorer:
    """Build the scorer of a recipe, and first train the probe if its scores need one.

    ``progress`` counts the images the probe is trained on; it may raise to abandon the training. Raises ExtractorError
    when the extractor is not available.
    """
    if recipe.extractor() == PROBE and getattr(recipe.evaluate, "times", 0):
        load_extractor(PROBE, device, dataset=dataset, progress=progress)  # the scorer finds it in the cache
    return registry.build(recipe.evaluate, Scorer, recipe, dataset, device)


def recipe_extractor(recipe: Recipe, settings: FID, dataset: Dataset, device: torch.device) -> Extractor:
    """The extractor of a recipe's scores, as ``settings`` have it. Raises ExtractorError."""
    weights = Path(settings.weights) if settings.weights else None
    return load_extractor(recipe.extractor(), device, weights, dataset, resize=settings.resize)


class SampleScorer:
    """Compares generated images with real ones and, for methods that reconstruct, reconstructions with originals.

    The extractor is loaded at once, so that missing weights and metrics that cannot be computed here are reported
    before training begins. It is not needed for recipes without scores (``evaluate.times = 0``).
    """

    def __init__(self, settings: FID, recipe: Recipe, dataset: Dataset, device: torch.device):
        self.settings, self.recipe, self.dataset, self.device = settings, recipe, dataset, device
        self._sample = recipe.as_scored().sample
        self.metric = settings.metric
        self.samples: SampleSet | None = None
        self.divide: Divided | None = None
        self._real: RealImages | None = None
        if settings.times > 0:
            self.refuse_unfit()

    def refuse_unfit(self) -> None:
        """Raise RecipeError for labels or metrics that cannot be had here, ExtractorError without the extractor."""
        refuse_unfit(self.settings, self.real, self._labels)

    @property
    def real(self) -> RealImages:
        """The real images with the extractor, loaded at first use. Raises ExtractorError, or RecipeError for a file of
        statistics that cannot be used."""
        if self._real is None:
            extractor = recipe_extractor(self.recipe, self.settings, self.dataset, self.device)
            self._real = RealImages(self.dataset, extractor, given=self._given(extractor))
        return self._real

    def _given(self, extractor: Extractor) -> GivenStatistics | None:
        """The file of statistics that is compared with. Raises RecipeError when it cannot be used."""
        if not self.settings.statistics:
            return None
        try:
            return read_statistics(Path(self.settings.statistics), extractor.dims)
        except StatisticsError as error:
            raise RecipeError([Problem("recipe", "evaluate.statistics", str(error))]) from None

    @property
    def extractor(self) -> Extractor | None:
        """The extractor, or None when it has not been loaded."""
        return self._real.extractor if self._real else None

    @property
    def one_off_seconds(self) -> float:
        return self._real.seconds if self._real else 0.0

    @cached_property
    def _labels(self) -> LabelLaw | None:
        """The law that a conditional model is asked for labels by. Raises RecipeError."""
        if not getattr(self.recipe.model, "conditional", False):
            return None
        return label_law(self.settings.labels, self.dataset)

    @property
    def _selection_split(self) -> str:
        """The split that selects the checkpoint of a run that reports on test images: validation if there is one."""
        return "validation" if self.dataset.validation is not None else "test"

    def score(
        self, method: Method, progress: Progress | None = None, announce: Announce | None = None
    ) -> list[Score]:
        """Score images of the selection noise, as ``evaluate`` does; then ``ssim`` if the method reconstructs.

        Nothing is compared with test images where images are held out for validation. The ``seconds`` of each score
        are those of the whole.
        """
        settings = self.settings
        if settings.split == "test":
            settings = settings.model_copy(update={"split": self._selection_split})
        return self._score(method, settings, self._selection_split, [EVALUATION_SEED], True, progress, announce)

    def report(
        self, method: Method, progress: Progress | None = None, announce: Announce | None = None
    ) -> list[Score]:
        """Means over ``evaluate.noises`` noises, none of which is the selection's; ``ssim`` of the test images."""
        first = REPORT_SEED + 1000 * self.settings.seed
        seeds = [first + number for number in range(self.settings.noises)]
        return self._score(method, self.settings, "test", seeds, False, progress, announce)

    def _score(
        self, method: Method, settings: FID, reconstructed: str, seeds: list[int], selection: bool,
        progress: Progress | None, announce: Announce | None,
    ) -> list[Score]:  # fmt: skip
        assert isinstance(method, Generates), "a method scored by its samples makes images"
        start, report = monotonic(), progress or (lambda done, total: None)
        ema = settings.ema and method.has_average
        draws = []
        for number, seed in enumerate(seeds):
            within = _part_of(report, number, len(seeds))
            evaluation = evaluate(
                self._generator(method, seed, within),
                self.real,
                settings,
                sampling=self._sample.summary,
                precision=method.precision,
                labels=self._labels if method.conditional else None,
                ema=ema,
                selection=selection,
                progress=within if progress else None,
                announce=announce,
                divide=partial(self.divide, settings, seed) if self.divide else None,
            )
            draws.append(evaluation.scores)
            if not number:
                self.samples = evaluation.samples
        scores = draws[0] if selection else mean_over_noises(draws, self.settings.seed)
        if isinstance(method, Reconstructs):
            score = reconstruction_score(
                method, self.dataset, reconstructed, self.device, settings.batch_size, ema, report
            )
            scores.append(replace(score, protocol=replace(score.protocol, precision=method.precision)))
        if not selection:
            scores = [self._with_selection(score) for score in scores]
        seconds, role = monotonic() - start, "selection" if selection else "report"
        return [replace(score, seconds=seconds, role=role) for score in scores]

    def _with_selection(self, score: Score) -> Score:
        """State in the protocol of a report on test images that these selected the checkpoint, if they did."""
        is_scored_in_training = self.settings.times > 0
        is_chosen_on_test = (
            is_scored_in_training and self._selection_split == "test" and score.protocol.split == "test"
        )
        if not is_chosen_on_test or (self.metric != "ssim" and score.metric == "ssim"):
            return score
        return replace(score, protocol=replace(score.protocol, selected_by=f"{self.metric} on the test images"))

    def _generator(self, method: Generates, seed: int, report: Progress) -> Generate:
        """A function that draws the next images of a seed's noise and reports progress within a batch, too."""
        return _Generator(method, self.settings, self._sample, self.device, seed, report)

    def collect(
        self, method: Generates, settings: FID, seed: int, share: Share, look: Callable[[], None]
    ) -> Collected:
        """Draw and embed the ``share`` of a rank that follows, as ``score`` and ``report`` do of the whole.

        ``look`` is called often, and may raise to abandon it. Raises what ``score`` raises.
        """
        self.settings = settings
        generate = self._generator(method, seed, lambda done, total: look())
        labels = self._labels if method.conditional else None
        return collect(generate, self.real, settings, labels, ProgressCounter(settings.samples, None), share)


class _Generator:
    """Draws the next images of a seed's noise and reports progress within a batch, too."""

    def __init__(
        self,
        method: Generates,
        settings: FID,
        sample: Sample,
        device: torch.device,
        seed: int,
        report: Progress,
    ):
        self._method, self._settings, self._sample = method, settings, sample
        self._device, self._report = device, report
        self._noise = Noise(method, seed)
        self._done = 0

    def __call__(self, count: int, labels: Tensor | None) -> Tensor:
        settings = self._settings

        def trace(step: int, steps: int, images: Tensor) -> None:
            self._report(self._done + count * step // steps, settings.samples)

        with normalised_by_batch(self._method, settings.ema) if settings.batch_norm else nullcontext():
            noise = send(self._noise.draw(count), self._device)
            images = self._method.sample(self._sample, noise, labels, ema=settings.ema, trace=trace)
        self._done += count
        return images

    def skip(self, count: int) -> None:
        self._noise.draw(count)
        self._done += count


@contextmanager
def normalised_by_batch(method: Generates, ema: bool) -> Iterator[None]:
    """Let the BatchNorm of the net that images come from use each batch's own statistics, as in training.

    Its running statistics do not change. Raises RecipeError when the net has no BatchNorm.
    """
    norms = [module for module in method.sampled_net(ema).modules() if isinstance(module, _BatchNorm)]
    if not norms:
        raise RecipeError(
            [Problem("recipe", "evaluate.batch_norm", "this net has no BatchNorm", "leave it out")]
        )
    kept = [(norm, norm.running_mean, norm.running_var) for norm in norms]
    for norm in norms:
        norm.running_mean = norm.running_var = (
            None  # torch then computes them of the batch, in evaluation mode too
        )
    try:
        yield
    finally:
        for norm, mean, variance in kept:
            norm.running_mean, norm.running_var = mean, variance


def _part_of(report: Progress, number: int, parts: int) -> Progress:
    """Progress of part ``number`` of so many equal parts, reported as that of the whole."""
    return lambda done, total: report(number * total + done, parts * total)
