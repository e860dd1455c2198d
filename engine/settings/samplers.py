"""Samplers, and the layout and number of sample grids: the [sample] table. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal

from pydantic import Field

from engine.settings.registry import Conflict, Settings, register


class Sample(Settings):
    """Base of the sampler settings."""

    sampler: str
    steps: int = Field(18, ge=1, le=10_000, description="sampling steps")
    times: int = Field(10, ge=1, le=1000, description="number of sample grids, spread evenly over the run")
    rows: int = Field(8, ge=1, le=32, description="rows of the grid; with classes, one row per class")
    columns: int = Field(8, ge=1, le=32, description="columns of the grid, one per noise")
    strip: int = Field(8, ge=2, le=64, description="images in the strip from noise to image")

    @property
    def summary(self) -> str:
        """The settings that a score depends on: ``heun 18``, ``ddim 20 · guidance 0.5``."""
        fields = type(self).model_fields
        options = [
            f"{key} {getattr(self, key)}"
            for key in fields.keys() - _LAYOUT_FIELDS
            if getattr(self, key) not in (None, fields[key].default)
        ]
        return " · ".join(
            [f"{self.sampler} {self.steps}" if self.steps > 1 else self.sampler, *sorted(options)]
        )


_LAYOUT_FIELDS = frozenset({"sampler", "steps", "times", "rows", "columns", "strip"})


@register("sampler", "direct")
class Direct(Sample):
    """One pass of a generator or decoder. The method samples by itself, so there is no factory."""

    sampler: str = "direct"
    steps: int = Field(1, ge=1, le=1, description="one pass")
    factory: ClassVar[str] = ""


@register("sampler", "none")
class NoSamples(Sample):
    """For methods that generate no images; ``times`` still sets how often figures are drawn. No factory."""

    sampler: str = "none"
    steps: int = Field(1, ge=1, le=1, description="none")
    factory: ClassVar[str] = ""


Spacing = Literal["native", "karras", "logsnr"]


def beyond_trained_steps(method: Settings, steps: int) -> Iterable[Conflict]:
    """That so many sampling ``steps`` are more than the noise levels that ``method`` trains a net at, if they are."""
    trained = getattr(method, "trained_steps", None)
    if trained is not None and steps > trained:
        yield Conflict(
            "steps",
            f"{steps} steps, but the net is trained at {trained} noise levels",
            f"at most {trained}, or a larger method.steps",
        )


class Denoising(Sample):
    """Base of the samplers that denoise in steps, over any noise process."""

    guidance: float | None = Field(
        None,
        ge=0,
        le=100,
        description="w of classifier-free guidance, noise = (1+w)·conditional - w·unconditional; empty: none",
    )

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        """Guidance if the method is not trained for it, and more steps than were trained."""
        method = parts.get("method")
        if method is None:
            return
        if self.guidance is not None and not getattr(method, "guided", False):
            yield Conflict("guidance", "the method is not trained for guidance", "leave it out")
        yield from beyond_trained_steps(method, self.steps)


class _Karras(Denoising):
    rho: float = Field(7.0, gt=0, description="curvature of the noise schedule (EDM eq. 5)")


@register("sampler", "heun")
class Heun(_Karras):
    """Heun's second-order method on EDM's schedule (Karras et al. 2022, algorithm 1)."""

    sampler: str = "heun"
    factory: ClassVar[str] = "engine.samplers.ode:heun"


@register("sampler", "euler")
class Euler(_Karras):
    """Euler's first-order method on EDM's schedule."""

    sampler: str = "euler"
    factory: ClassVar[str] = "engine.samplers.ode:euler"


_SPACING = (
    "of the noise levels; native: even in a DDPM's trained steps, Karras' for EDM; karras: Karras' for both; "
    "logsnr: even in the logarithm of the signal-to-noise ratio"
)


@register("sampler", "dpm++")
class DPMSolver(Denoising):
    """DPM-Solver++(2M), second order and multistep (Lu et al. 2022): good images in about 20 steps."""

    sampler: str = "dpm++"
    steps: int = Field(20, ge=1, le=10_000, description="sampling steps")
    spacing: Spacing = Field("logsnr", description=_SPACING)
    factory: ClassVar[str] = "engine.samplers.dpm_solver:dpm_solver"


@register("sampler", "ddim")
class DDIM(Denoising):
    """DDIM (Song, Meng & Ermon 2021): deterministic at η = 0, as random as DDPM at η = 1."""

    sampler: str = "ddim"
    steps: int = Field(50, ge=1, le=10_000, description="sampling steps")
    eta: float = Field(0.0, ge=0, le=1, description="η, share of fresh noise: 0 none, 1 as much as DDPM")
    spacing: Spacing = Field("native", description=_SPACING)
    factory: ClassVar[str] = "engine.samplers.ancestral:ddim"


@register("sampler", "ddpm")
class DDPM(Denoising):
    """Ancestral sampling over the trained steps, or evenly over some of them (Ho et al. 2020, algorithm 2)."""

    sampler: str = "ddpm"
    steps: int = Field(
        1000, ge=1, le=10_000, description="sampling steps, at most the number of noise levels in training"
    )
    variance: Literal["posterior", "beta"] = Field(
        "posterior", description="variance of the fresh noise: the posterior's (small), or β (large)"
    )
    factory: ClassVar[str] = "engine.samplers.ancestral:ddpm"
