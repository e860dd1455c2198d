"""At which steps there is more to do than to train, and what of it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.recipes.recipe import Recipe
from engine.training.score_budget import Clock

MOST_VALIDATIONS = 200  # over a run; otherwise after every epoch


@dataclass(frozen=True)
class Visit:
    """What is due at one step: figures to draw, a score to make, samples to look at for the run's health."""

    draws: bool
    scores: bool
    looks: bool

    def __bool__(self) -> bool:
        return self.draws or self.scores or self.looks


class Timetable:
    """Of one run. What was done at a step is not done again after a resume from that step's checkpoint.

    ``keeps``: steps whose checkpoints are kept. ``validations``: steps with losses on held-out images.
    """

    def __init__(self, recipe: Recipe, total: int, steps_per_epoch: int):
        self.total = total
        self.validations = {
            *range(steps_per_epoch, total, max(steps_per_epoch, total // MOST_VALIDATIONS)),
            total,
        }
        self._draws = set(due_steps(total, recipe.sample.times))
        self._scores = set(due_steps(total, getattr(recipe.evaluate, "times", 0)))
        self.keeps = set(due_steps(total, recipe.train.keep))
        self._budget = getattr(recipe.evaluate, "budget", 1.0)
        self.drawn_at = self.scored_at = self.looked_at = 0
        self.begin(0)

    def begin(self, step: int) -> None:
        """An attempt trains on from here: what scores may cost is a share of its time."""
        self.clock, self._begun_at = Clock(), step

    def visits(self, step: int) -> bool:
        """Whether something is drawn or scored after that step."""
        return step in self._draws or step in self._scores

    def visit(self, step: int) -> Visit:
        """What is still to be done there."""
        return Visit(
            draws=step in self._draws and self.drawn_at < step,
            scores=step in self._scores and self.scored_at < step and self._affords_score(step),
            looks=self.visits(step) and self.looked_at < step,
        )

    def _affords_score(self, step: int) -> bool:
        """Whether a score now, and the one at the end, keep within the share of the time that scores may take."""
        if step >= self.total:
            return True
        return self.clock.affords(self._budget, (step - self._begun_at) / (self.total - self._begun_at))

    def state(self) -> dict[str, Any]:
        """For a checkpoint: plain values."""
        return {"sampled_at": self.drawn_at, "scored_at": self.scored_at, "looked_at": self.looked_at}

    def load_state(self, state: dict[str, Any]) -> None:
        self.drawn_at, self.scored_at, self.looked_at = (
            state[name] for name in ("sampled_at", "scored_at", "looked_at")
        )


def due_steps(total: int, times: int) -> list[int]:
    """``times`` steps spread evenly over ``total``, the last one being the end."""
    return sorted({max(1, round(total * (i + 1) / times)) for i in range(times)}) if times else []
