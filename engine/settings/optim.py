"""Optimisers and learning-rate schedules: the tables [optim] and [schedule]. Torch-free."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from engine.settings.registry import Settings, register

Beta = Annotated[float, Field(ge=0, lt=1)]


class _Adam(Settings):
    lr: float = Field(1e-3, gt=0, le=10, description="learning rate")
    betas: list[Beta] = Field(
        [0.9, 0.999], min_length=2, max_length=2, description="decay rates β₁, β₂ of the moments"
    )
    eps: float = Field(1e-8, gt=0, description="ε added to the denominator")
    weight_decay: float = Field(0.0, ge=0, le=1, description="weight decay")


@register("optim", "adam")
class Adam(_Adam):
    """Adam (Kingma & Ba 2015)."""

    name: str = "adam"
    factory: ClassVar[str] = "engine.methods.optim:adam"


@register("optim", "adamw")
class AdamW(_Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    name: str = "adamw"
    factory: ClassVar[str] = "engine.methods.optim:adamw"


@register("optim", "sgd")
class SGD(Settings):
    """Stochastic gradient descent, with momentum (Sutskever et al. 2013)."""

    name: str = "sgd"
    lr: float = Field(0.01, gt=0, le=10, description="learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="share of the last update that goes on")
    weight_decay: float = Field(0.0, ge=0, le=1, description="weight decay")
    factory: ClassVar[str] = "engine.methods.optim:sgd"


@register("schedule", "constant")
class Constant(Settings):
    """A constant learning rate."""

    name: str = "constant"
    factory: ClassVar[str] = "engine.methods.optim:Constant"


@register("schedule", "plateau")
class Plateau(Settings):
    """Multiply the rate by ``factor`` after ``patience`` epochs without a better training loss."""

    name: str = "plateau"
    factor: float = Field(0.5, gt=0, lt=1, description="factor applied to the learning rate on a plateau")
    patience: int = Field(3, ge=1, description="epochs without improvement before the rate is lowered")
    min_lr: float = Field(1e-4, ge=0, description="lowest learning rate")
    threshold: float = Field(0.0, ge=0, lt=1, description="fraction by which a loss must be lower to be better")
    loss: Literal["mean", "last"] = Field(
        "mean", description="an epoch's loss: the mean over its batches, or that of its last batch"
    )
    factory: ClassVar[str] = "engine.methods.optim:Plateau"


@register("schedule", "linear")
class Linear(Settings):
    """Rise over the first ``warmup`` of the run, then fall linearly to ``final`` times the rate."""

    name: str = "linear"
    warmup: float = Field(0.0, ge=0, lt=1, description="fraction of the run spent warming up")
    final: float = Field(0.0, ge=0, le=1, description="fraction of the learning rate left at the end")
    by_epoch: bool = Field(False, description="change the rate after each epoch only, not after each step")
    factory: ClassVar[str] = "engine.methods.optim:Linear"


@register("schedule", "dann")
class DANN(Settings):
    """The rate divided by (1 + alpha·p)^beta, p being the completed fraction of the run (Ganin et al. 2016)."""

    name: str = "dann"
    alpha: float = Field(10.0, ge=0, description="α of the decay (1 + α·progress)^(−β)")
    beta: float = Field(0.75, ge=0, description="β of the decay (1 + α·progress)^(−β)")
    factory: ClassVar[str] = "engine.methods.optim:DANN"
