"""DDPM: the method, and the conditional UNet it is published with for classifier-free guidance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from engine.settings.datasets import Data
from engine.settings.figures import BESIDE
from engine.settings.registry import Conflict, Settings, register


@register("method", "ddpm")
class DDPM(Settings):
    """Diffusion in discrete steps (Ho et al. 2020); classifier-free guidance where labels are dropped."""

    name: str = "ddpm"
    steps: int = Field(1000, ge=2, le=100_000, description="noise levels the net is trained at")
    schedule: Literal["linear", "cosine"] = Field(
        "linear", description="of β: linear in the step, or cosine in ᾱ (Nichol & Dhariwal 2021)"
    )
    beta_start: float = Field(1e-4, gt=0, lt=1, description="β of the first step of the linear schedule")
    beta_end: float = Field(0.02, gt=0, lt=1, description="β of the last step of the linear schedule")
    drop_condition: float = Field(
        0.0, ge=0, lt=1, description="share of labels dropped in training; above 0 sampling can be guided"
    )
    clip: bool = Field(True, description="keep expected images within [-1,1] while sampling")
    factory: ClassVar[str] = "engine.methods.ddpm:DDPM"
    family: ClassVar[str] = "diffusion"
    samplers: ClassVar[tuple[str, ...]] = ("ddpm", "ddim", "dpm++", "heun", "euler")

    @property
    def figures(self) -> tuple[str, ...]:
        return ("grid", "progress", *(("guidance",) if self.guided else ()), *BESIDE)

    @property
    def trained_steps(self) -> int:
        return self.steps

    @property
    def guided(self) -> bool:
        """Whether the net learns to do without a label, as guidance needs."""
        return self.drop_condition > 0

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.beta_start > self.beta_end:
            raise ValueError(f"beta_start ({self.beta_start:g}) must not be above beta_end ({self.beta_end:g})")
        return self

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        model, data = parts.get("model"), parts.get("data")
        told = getattr(model, "conditional", False) and isinstance(data, Data) and data.classes
        if self.guided and model is not None and data is not None and not told:
            yield Conflict("drop_condition", "there is no label to drop: the net is told none", "leave it out")


@register("net", "cfg-unet")
class CFGUNet(Settings):
    """The small conditional UNet of classifier-free guidance on digits; see ``engine.nets.cfg_unet``."""

    net: str = "cfg-unet"
    features: int = Field(128, ge=8, le=1024, multiple_of=8, description="feature maps at full resolution")
    factory: ClassVar[str] = "engine.nets.cfg_unet:CFGUNet"
    conditional: ClassVar[bool] = True

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        data = parts.get("data")
        if not isinstance(data, Data):
            return
        _, height, width = data.image_shape
        if height % 4 or width % 4:
            yield Conflict(
                "net",
                f"halves images twice, and {height}×{width} cannot be",
                "choose a data.image_size divisible by 4",
            )
        if not data.classes:
            yield Conflict("net", "needs classes, and this data set has none", "choose another net")
