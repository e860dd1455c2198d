"""Milestones: the steps at which a run draws samples, scores, validates or keeps a checkpoint for good."""

from __future__ import annotations

from dataclasses import dataclass

from engine.recipes.recipe import Recipe
from engine.runs.schedule import evenly_spaced
from engine.training.score_budget import ScoreBudget
from engine.training.state import TrainingState

MOST_VALIDATIONS = 200
"""Validations per run at most; runs of fewer epochs validate after every epoch."""


@dataclass(frozen=True)
class Due:
    """What is due at one step: samples and figures, scores, a health examination of samples.

    ``over_budget``: whether scores are scheduled and left out, since they would exceed the budget.
    """

    samples: bool
    scores: bool
    examination: bool
    over_budget: bool = False

    def __bool__(self) -> bool:
        return self.samples or self.scores or self.examination


class Milestones:
    """Schedule of samples, figures, scores and checkpoints of one run, and how far it has been followed.

    ``sampled_at``, ``scored_at`` and ``examined_at`` are the steps of the newest of each: they are part of the
    checkpoint, so that a resumed run does not repeat what was done at the step it resumes from.
    """

    def __init__(self, recipe: Recipe, total_steps: int, steps_per_epoch: int):
        self.total_steps = total_steps
        every = max(steps_per_epoch, total_steps // MOST_VALIDATIONS)
        self.validation_steps = {*range(steps_per_epoch, total_steps, every), total_steps}
        self.kept_steps = set(evenly_spaced(total_steps, recipe.train.keep))
        """Steps whose checkpoints are kept for good."""
        self._sample_steps = set(evenly_spaced(total_steps, recipe.sample.times))
        self._score_steps = set(evenly_spaced(total_steps, getattr(recipe.evaluate, "times", 0)))
        self.sampled_at = self.scored_at = self.examined_at = 0
        self.budget_share: float = getattr(recipe.evaluate, "budget", 1.0)
        self._report_scores: int = getattr(recipe.evaluate, "noises", 1)
        self.begin_attempt(0)

    def begin_attempt(self, step: int) -> None:
        """Start a new score budget: scores may cost a share of the time of each attempt."""
        self.score_budget, self._first_step = ScoreBudget(self.budget_share, self._report_scores), step

    def includes(self, step: int) -> bool:
        """Whether samples are drawn or scores computed at ``step``."""
        return step in self._sample_steps or step in self._score_steps

    def due(self, step: int) -> Due:
        """What remains to be done at ``step``. Scores that exceed the budget are not due, except the last."""
        scores = step in self._score_steps and self.scored_at < step
        affordable = scores and self._within_budget(step)
        return Due(
            samples=step in self._sample_steps and self.sampled_at < step,
            scores=affordable,
            examination=self.includes(step) and self.examined_at < step,
            over_budget=scores and not affordable,
        )

    def _within_budget(self, step: int) -> bool:
        if step >= self.total_steps:
            return True
        progress = (step - self._first_step) / (self.total_steps - self._first_step)
        return self.score_budget.allows(progress)

    def restore(self, state: TrainingState) -> None:
        """Take over from a checkpoint what has been done already."""
        self.sampled_at, self.scored_at, self.examined_at = state.sampled_at, state.scored_at, state.looked_at

    def followed(self) -> dict[str, int]:
        """How far the schedule has been followed, as fields of the training state."""
        return {"sampled_at": self.sampled_at, "scored_at": self.scored_at, "looked_at": self.examined_at}
