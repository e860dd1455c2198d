"""The [train] table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.settings.registry import Settings


class Train(Settings):
    """How long and how a run trains."""

    epochs: float = Field(
        20.0, gt=0, le=1e6, description="passes over the training set; `steps`, where given, wins"
    )
    steps: int | None = Field(None, ge=1, le=10**9, description="optimiser steps; empty: as `epochs` says")
    seed: int = Field(0, ge=0, lt=2**63, description="of weights, order and noise")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="auto: a start-up probe of speed and agreement chooses; fp16 is for GPUs without bf16",
    )
    compile: bool = Field(False, description="torch.compile the nets, where their method allows it")
    channels_last: bool = Field(True, description="memory layout of images and weights")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights, ramped up early; 0: none")
    clip: float | None = Field(None, gt=0, description="largest gradient norm; empty: not clipped")
    checkpoint_minutes: float = Field(
        2.0, gt=0, description="at most this long between checkpoints; the first come sooner"
    )
    keep: int = Field(
        0,
        ge=0,
        le=1000,
        description="checkpoints kept for good, spread evenly over the run, each as large as the last",
    )
    non_finite_limit: int = Field(
        20, ge=1, description="steps with a non-finite loss after which the run fails"
    )
