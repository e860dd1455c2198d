"""Visits: the steps at which training pauses to draw figures, compute scores and examine samples.

Nothing in a visit ends the run: each part is guarded by itself (see ``engine.training.guard``), and what fails counts
as done. A visit, whether it succeeds or not, leaves no trace in training: it ends with the random state it began with.
The trainer writes a checkpoint before it; what a visit adds to the state is in ``VisitRecord``. When training has
ended, the best checkpoint is scored once more, for the report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypeVar

import torch

from engine import devices
from engine.data.dataset import Dataset
from engine.evaluation.score import Score
from engine.evaluation.scorer import Scorer
from engine.figures import FigureContext, Picture, draw_figure
from engine.health import Values
from engine.health.samples import Examination, draw_samples
from engine.methods import Generates, Method
from engine.ranks.team import Leader
from engine.recipes.recipe import Recipe
from engine.runs.directory import RunDir
from engine.settings import registry
from engine.settings.registry import Settings
from engine.training import checkpoint
from engine.training.guard import EXAMINATION, REPORT, SCORES, Guard, Halvable, Part, figure_part
from engine.training.memory import ExaminationBatches, SampleBatches, ScoreBatches
from engine.training.milestones import Due, Milestones
from engine.training.recorder import Recorder
from engine.training.reporter import Reporter, print_line
from engine.training.state import BestScore, TrainingState

T = TypeVar("T")


@dataclass
class Visits:
    """What is drawn, scored and examined in a run; ``best`` is the best score so far."""

    run: RunDir
    recipe: Recipe
    device: torch.device
    dataset: Dataset
    method: Method
    scorer: Scorer | None
    milestones: Milestones
    recorder: Recorder
    reporter: Reporter
    guard: Guard
    keep_best: Callable[[], bool]
    """Points the link ``best`` at the checkpoint of the current step. Returns whether that was possible."""
    leader: Leader | None = None
    best: BestScore | None = None
    step: int = 0
    """Step of the current visit."""
    _batches: SampleBatches = field(default_factory=SampleBatches)

    def __post_init__(self) -> None:
        self.record = self.guard.record
        names = getattr(self.recipe.method, "figures", ())
        self.figures = [(name, registry.default_settings("figure", name)) for name in names]
        self.examination = None
        if self.recipe.health.alarms and isinstance(self.method, Generates):
            extractor = getattr(self.scorer, "extractor", None)
            self.examination = Examination(self.dataset, self.device, extractor)
        self._score_batches = ScoreBatches(self.scorer)

    def make(self, due: Due, step: int) -> None:
        """Do what is due at ``step``. Raises StopRequested. However it ends, ``finish`` writes what has been done."""
        self.step, milestones = step, self.milestones
        if due.samples:
            self._draw_figures()
            milestones.sampled_at = step
            self._note_progress()
        if due.scores:
            self._score()
            milestones.scored_at = step
            self._note_progress()
        elif due.over_budget:
            self._tell_of_budget()
            milestones.scored_at = step
        if due.examination:
            self._examine(due.scores)
            milestones.examined_at = step

    def finish(self) -> None:
        """Write to the record what the visit has done."""
        self._note_progress()
        self.record.save(self.run)

    def _note_progress(self) -> None:
        """Put what has been done so far in the record; it is written when the next part begins, or by ``finish``."""
        panel = self.recorder.panel.state()
        self.record.step = self.step
        self.record.done = {**self.milestones.followed(), "best": self.best, "health": panel}

    def _attempt(self, part: Part, work: Callable[[], T], batches: Halvable | None) -> T | None:
        with undisturbed(self.method, self.device):
            return self.guard.attempt(part, self.step, work, batches)

    def restore(self, state: TrainingState) -> None:
        """Take over what has been done already from a checkpoint, and from the record if its visit was there."""
        if self.record.step == state.step:
            names = {each.name for each in fields(state)}
            state = replace(state, **{key: value for key, value in self.record.done.items() if key in names})
        self.best = state.best
        self.milestones.restore(state)
        self.recorder.panel.load_state(state.health)

    # -- the parts of a visit --------------------------------------------------------------------------

    def _draw_figures(self) -> None:
        progress = partial(self.reporter.heartbeat, "sampling")
        for name, settings in self.figures:
            part = figure_part(name)
            self._attempt(part, partial(self._draw, settings, progress), self._batches)

    def _draw(self, settings: Settings, progress: Any) -> bool:
        context = FigureContext(
            self._batches.of(self.method, progress), self.recipe, self.dataset, self.device, self.run, self.step,
            self.milestones.total_steps, progress,
        )  # fmt: skip
        for picture in list(draw_figure(settings, context)):  # all are drawn before the first is shown
            self._save(picture)
        return True

    def _save(self, picture: Picture) -> None:
        path = picture.path(self.step)
        picture.save(self.run.path / path)
        self.reporter.emit(picture.kind, path=path, caption=picture.caption, **picture.layout())

    def _score(self) -> None:
        scorer = self.scorer
        if scorer is None:
            return  # an alarm has said why
        progress = partial(self.reporter.heartbeat, "evaluating")

        def compute() -> list[Score]:
            before = _one_off_seconds(scorer)
            with self.milestones.score_budget.scoring() as cost:
                scores = scorer.score(self.method, progress, self.reporter.announce)
                cost.one_off = _one_off_seconds(scorer) - before
            return scores

        scores, before = self._attempt(SCORES, compute, self._score_batches), self.best
        for score in scores or []:
            self._take(score, selects=score.metric == scorer.metric)
        if self.best is not before and not self.keep_best():
            self.best = before

    def _take(self, score: Score, selects: bool) -> None:
        """Report a score, and note it if it is the best so far of the metric that ``selects`` the checkpoint."""
        best = selects and self._is_best(score)
        if best:
            self.best = {
                "metric": score.metric,
                "value": score.value,
                "step": self.step,
                "protocol_id": score.protocol.id,
            }
        self.reporter.emit("evaluation", **{**score.event(), "role": "selection", "best": best})
        print_line(f"step {self.step:,}: {score.metric} {score.value:.4g}" + (" (best)" if best else ""))

    def _is_best(self, score: Score) -> bool:
        """Compare with the best so far; a score under another protocol starts anew."""
        if not math.isfinite(score.value):
            return False
        if self.best is None or self.best["protocol_id"] != score.protocol.id:
            return True
        before = self.best["value"]
        return score.value < before if score.lower_is_better else score.value > before

    def _tell_of_budget(self) -> None:
        share, seconds = self.milestones.budget_share, self.milestones.score_budget.typical
        sentence = (
            f"The score of step {self.step:,} is left out: scores may take {share:.3g} of the run's time."
        )
        self.guard.tell_once(
            "budget", sentence, f"one score takes about {seconds:.3g} s, and so does each noise of the report",
            "raise evaluate.budget, or lower evaluate.samples or evaluate.times", self.step, "info",
        )  # fmt: skip

    def _examine(self, scored: bool) -> None:
        """Compare samples with real images; the health signals become further metrics of the step.

        When ``scored``, the samples that have just been scored are used if there are any; else new ones are drawn.
        """
        if self.examination is None:
            return
        progress = partial(self.reporter.heartbeat, "checking samples")

        def examine() -> Values:
            assert self.examination is not None
            method = self._batches.of(self.method, progress)
            samples = self.scorer.samples if scored and self.scorer is not None else None
            if samples is None:
                samples = draw_samples(method, self.recipe.sample, self.dataset, self.device, progress)
            return self.examination.signals(samples)

        batches = ExaminationBatches(self._batches, self.examination.extractor)
        if signals := self._attempt(EXAMINATION, examine, batches):
            self.recorder.add(self.step, signals)

    # -- the report ------------------------------------------------------------------------------------

    def report(self, step: int, images_per_step: int) -> None:
        """Score the best checkpoint on other noises, once per run. ``step`` is that of the weights in use.

        The method has the weights of that checkpoint afterwards. Raises StopRequested.
        """
        report = getattr(self.scorer, "report", None)
        asked = getattr(self.recipe.evaluate, "times", 0) > 0
        if report is None or not asked or self.record.reported or not checkpoint.exists(self.run):
            return
        which = checkpoint.default(self.run)
        chosen = checkpoint.step_of(self.run, which)
        progress = partial(self.reporter.heartbeat, "making the report")

        def compute() -> list[Score]:
            if chosen != step:
                if self.leader:
                    self.leader.tell("load", which=which)
                self.method.load_weights(checkpoint.load_weights(self.run, which))
            return report(self.method, progress, self.reporter.announce)

        self.reporter.phase("making the report")
        try:
            scores = self.guard.attempt(REPORT, chosen, compute, self._score_batches)
            for score in scores or []:
                event = {**score.event(), "role": "report", "best": False}
                self.reporter.emit_at("evaluation", chosen, chosen * images_per_step, **event)
                print_line(f"report on step {chosen:,}: {score.metric} {score.value:.4g}")
            self.record.reported = scores is not None
        finally:
            self.record.save(self.run)


def _one_off_seconds(scorer: Scorer) -> float:
    """Seconds that a scorer has spent so far on work that it does once; 0 for one that does not say."""
    return float(getattr(scorer, "one_off_seconds", 0.0))


@contextmanager
def undisturbed(method: Method, device: torch.device) -> Iterator[None]:
    """Keep the random state and the modes of the nets as they are before the block, however it ends."""
    before = devices.rng_state(device)
    modes = [(module, module.training) for net in method.nets.values() for module in net.modules()]
    try:
        yield
    finally:
        devices.set_rng_state(before, device)
        for module, training in modes:
            module.training = training
