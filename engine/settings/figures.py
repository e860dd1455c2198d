"""Figures that are drawn whenever a run draws samples. Torch-free."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from engine.settings.registry import Settings, register


class Figure(Settings):
    """Base of the figure settings."""

    factory: ClassVar[str] = ""


@register("figure", "grid")
class Grid(Figure):
    """Samples from fixed noise, a row for each class or set of attributes, and the strip from noise to image."""

    factory: ClassVar[str] = "engine.figures.samples:draw"


@register("figure", "progress")
class Progress(Figure):
    """The sample grids so far as an animation."""

    factory: ClassVar[str] = "engine.figures.progress:draw"


@register("figure", "real")
class Real(Figure):
    """Training images, laid out as the sample grid; drawn once."""

    factory: ClassVar[str] = "engine.figures.beside:real"


@register("figure", "neighbours")
class Neighbours(Figure):
    """Samples with the nearest training images of each; drawn at the end of training."""

    images: int = Field(8, ge=1, le=16)
    neighbours: int = Field(5, ge=1, le=16)
    factory: ClassVar[str] = "engine.figures.beside:neighbours"


IMAGE_FIGURES = ("real", "neighbours")
"""The figures of every method that generates images."""


@register("figure", "guidance")
class Guidance(Figure):
    """The same noise and labels with increasing guidance, for methods that are trained for it."""

    weights: list[float] = Field([0.0, 0.5, 2.0], min_length=1, max_length=8)
    columns: int = Field(10, ge=1, le=32)
    factory: ClassVar[str] = "engine.figures.guidance:draw"


@register("figure", "reconstructions")
class Reconstructions(Figure):
    """Held-out images above their reconstructions."""

    images: int = Field(8, ge=1, le=64)
    factory: ClassVar[str] = "engine.figures.latents:reconstructions"


@register("figure", "interpolation")
class Interpolation(Figure):
    """Images from latents interpolated between two, for methods that generate in one pass."""

    rows: int = Field(4, ge=1, le=32)
    columns: int = Field(8, ge=2, le=32)
    factory: ClassVar[str] = "engine.figures.latents:interpolation"


@register("figure", "tsne")
class TSNE(Figure):
    """t-SNE of the features of validation images, coloured by class and by domain."""

    images: int = Field(1000, ge=4, le=10_000)
    perplexity: float = Field(30.0, gt=0)
    factory: ClassVar[str] = "engine.figures.adaptation:tsne"


@register("figure", "confusion")
class Confusion(Figure):
    """Confusion matrix of the target domain's test images."""

    factory: ClassVar[str] = "engine.figures.adaptation:confusion"
