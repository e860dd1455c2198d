"""Figures: pictures of a run, such as sample grids, reconstructions and confusion matrices.

A figure is a registered part of kind ``figure``. Its settings class in ``engine.settings.figures`` names a function in
this package, called with (settings, context), that yields ``Picture`` objects. The settings of a method list its
figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
class FigureContext:
    """What figures are drawn from. ``progress(done, total)`` should be called often; it may raise to abandon it."""

    method: Method
    recipe: Recipe
    dataset: Dataset
    device: torch.device
    run: RunDir
    step: int
    total_steps: int
    progress: Callable[[int, int], None]


def draw_figure(settings: Settings, context: FigureContext) -> Iterable[Picture]:
    """Draw the figure that ``settings`` describe: one or more pictures, or none where there is nothing to draw."""
    return build(settings, Iterable, context)


@dataclass(frozen=True)
class Picture:
    """A picture ready to be saved: ``save`` writes it to a path, with the suffix ``suffix``.

    A picture that ``replaces`` has one file for the whole run; others have one per step. A grid of tiles says how many
    ``rows`` and ``columns`` it has, what they are (``rows_are="classes"``) and what each is called; where their number
    is None it is one picture.
    """

    name: str
    save: Callable[[Path], None]
    caption: str
    suffix: str = ".png"
    kind: Literal["sample", "figure"] = "figure"
    rows: int | None = None
    columns: int | None = None
    rows_are: str = ""
    columns_are: str = ""
    row_names: Sequence[str] = ()
    column_names: Sequence[str] = ()
    replaces: bool = False

    def path(self, step: int) -> str:
        """Its file, relative to the run's directory."""
        if self.kind == "sample":
            return f"samples/{step:09d}{self.suffix}"
        if self.replaces:
            return f"figures/{self.name}{self.suffix}"
        return f"figures/{self.name}-{step:09d}{self.suffix}"

    def layout(self) -> dict[str, Any]:
        """Further fields of its event: the name of a figure, and how its tiles are laid out."""
        fields: dict[str, Any] = {} if self.kind == "sample" else {"name": self.name}
        if self.rows and self.columns:
            fields |= {"rows": self.rows, "columns": self.columns}
        said = {"rows_are": self.rows_are, "columns_are": self.columns_are}
        named = {"row_names": list(self.row_names), "column_names": list(self.column_names)}
        return fields | {key: value for key, value in (said | named).items() if value}
