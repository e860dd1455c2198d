"""The tables every recipe has, whatever its parts: [train], [evaluate], [reference]."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from engine.registry import Settings, register


class Train(Settings):
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
    non_finite_limit: int = Field(
        20, ge=1, description="steps with a non-finite loss after which the run fails"
    )


@register("metric", "fid")
class FID(Settings):
    """Fréchet distance (Heusel et al. 2017) between features of generated and real images."""

    metric: str = "fid"
    samples: int = Field(10_000, ge=2, le=10**7, description="generated images per score")
    extractor: str = Field("auto", description="feature extractor; auto: the one shipped for the data set")
    split: Literal["train", "test"] = Field("train", description="real images compared with")
    times: int = Field(5, ge=0, le=1000, description="scores, spread evenly over the run; 0: none")
    batch_size: int = Field(256, ge=1, le=65536, description="images sampled and embedded at once")
    ema: bool = Field(True, description="score the averaged weights")
    builds: ClassVar[str] = "engine.scoring:SampleScorer"


@register("metric", "ssim")
class SSIM(FID):
    """Structural similarity (Wang et al. 2004) of test images and their reconstructions chooses the best.

    The same scores are made as for ``fid``.
    """

    metric: str = "ssim"


class Reference(Settings):
    """A published figure, and under what protocol it was published."""

    metric: str = Field("fid", min_length=1)
    value: float | None = None
    protocol: str = ""
    source: str = Field(min_length=1)
    note: str = ""
