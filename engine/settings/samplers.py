"""Samplers, with what every [sample] table says: how many grids, and of what."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from engine.registry import Settings, register


class Sample(Settings):
    """Base of the sampler settings."""

    sampler: str
    steps: int = Field(18, ge=1, le=10_000, description="sampling steps")
    times: int = Field(10, ge=1, le=1000, description="sample grids, spread evenly over the run")
    rows: int = Field(8, ge=1, le=32, description="rows of the grid; with classes, one row for each is used")
    columns: int = Field(8, ge=1, le=32, description="columns of the grid: the noises")
    strip: int = Field(8, ge=2, le=64, description="pictures in the strip from noise to image")


class _Karras(Sample):
    rho: float = Field(7.0, gt=0, description="curvature of the noise schedule (EDM eq. 5)")


@register("sampler", "heun")
class Heun(_Karras):
    """Heun's second-order method on EDM's schedule (Karras et al. 2022, algorithm 1)."""

    sampler: str = "heun"
    builds: ClassVar[str] = "engine.samplers.ode:heun"


@register("sampler", "euler")
class Euler(_Karras):
    """Euler's first-order method on EDM's schedule."""

    sampler: str = "euler"
    builds: ClassVar[str] = "engine.samplers.ode:euler"
