"""Figures a method may have drawn at every sample time. Torch-free."""

from __future__ import annotations

from typing import ClassVar

from engine.registry import Settings, register


class Figure(Settings):
    """Base of the figure settings."""

    builds: ClassVar[str] = ""


@register("figure", "grid")
class Grid(Figure):
    """Samples from fixed noises, a row for each class or set of attributes; the strip from noise to image."""

    builds: ClassVar[str] = "engine.figures.samples:draw"


@register("figure", "progress")
class Progress(Figure):
    """The sample grids so far as an animation."""

    builds: ClassVar[str] = "engine.figures.progress:draw"
