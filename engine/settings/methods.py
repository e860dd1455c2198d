"""Methods: how a net learns and samples. ``family`` is what a recipe using the method belongs to."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from engine.settings.figures import BESIDE
from engine.settings.registry import Settings, register


@register("method", "edm")
class EDM(Settings):
    """Noise-level diffusion with the preconditioning, loss and schedule of Karras et al. 2022 (EDM)."""

    name: str = "edm"
    sigma_data: float | None = Field(None, gt=0, description="standard deviation of the data; empty: measured")
    p_mean: float = Field(-1.2, description="mean of log σ in training")
    p_std: float = Field(1.2, gt=0, description="standard deviation of log σ in training")
    sigma_min: float = Field(0.002, gt=0, description="smallest noise level in sampling")
    sigma_max: float = Field(80.0, gt=0, description="largest noise level in sampling")
    factory: ClassVar[str] = "engine.methods.diffusion:EDM"
    family: ClassVar[str] = "diffusion"
    samplers: ClassVar[tuple[str, ...]] = ("heun", "euler", "dpm++", "ddim")
    figures: ClassVar[tuple[str, ...]] = ("grid", "progress", *BESIDE)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min ({self.sigma_min:g}) must be below sigma_max ({self.sigma_max:g})")
        return self
