"""Figures: what a run shows of itself besides its losses.

A figure is a registered part (kind ``figure``): its settings class in ``engine.settings.figures`` names a
function here, called with (settings, occasion), that gives ``Picture``s. Methods say which figures they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from engine.settings.registry import Settings, build

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.methods import Method
    from engine.recipes.recipe import Recipe
    from engine.runs.directory import RunDir


@dataclass(frozen=True)
class Occasion:
    """What figures are drawn from. ``progress(done, total)`` is to be called often; it may raise."""

    method: Method
    recipe: Recipe
    dataset: Dataset
    device: torch.device
    run: RunDir
    step: int
    total_steps: int
    progress: Callable[[int, int], None]


def draw_figure(settings: Settings, occasion: Occasion) -> Iterable[Picture]:
    """Draw the figure that ``settings`` describe: one or more pictures, or none where there is nothing to draw."""
    return build(settings, Iterable, occasion)


@dataclass(frozen=True)
class Picture:
    """A picture ready to be saved. One that ``replaces`` keeps one file for the whole run."""

    name: str
    save: Callable[[Path], None]
    caption: str
    suffix: str = ".png"
    kind: Literal["sample", "figure"] = "figure"
    rows: int | None = None
    columns: int | None = None
    replaces: bool = False

    def path(self, step: int) -> str:
        """Where it goes, relative to the run's directory."""
        if self.kind == "sample":
            return f"samples/{step:09d}{self.suffix}"
        return (
            f"figures/{self.name}{self.suffix}"
            if self.replaces
            else f"figures/{self.name}-{step:09d}{self.suffix}"
        )

    def layout(self) -> dict[str, Any]:
        """What else its event says."""
        return {"rows": self.rows, "columns": self.columns} if self.kind == "sample" else {"name": self.name}
