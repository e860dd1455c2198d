"""The [train] table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from engine.settings.registry import Conflict, Settings


class Train(Settings):
    """How long and how a run trains."""

    epochs: float = Field(
        20.0, gt=0, le=1e6, description="passes over the training set; ignored when `steps` is set"
    )
    steps: int | None = Field(None, ge=1, le=10**9, description="optimiser steps; empty: from `epochs`")
    seed: int = Field(0, ge=0, lt=2**63, description="random seed of weights, data order and noise")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="auto: bf16 where the device has it and its gradients agree, else what a short test finds faster, "
        "the same for all runs of these nets on such a device; fp16 is for GPUs without bf16",
    )
    compile: Literal[True, False, "auto"] = Field(
        False,
        description="compile the nets with torch.compile, where the method allows it; auto: in long runs on a GPU",
    )
    channels_last: bool = Field(
        True,
        description="channels-last memory layout of images and, where all layers of a net keep it, of its weights",
    )
    part: int | None = Field(
        None,
        ge=1,
        description="most images that pass the net at once; a larger batch is accumulated in parts, which needs less "
        "memory and is the same experiment; empty: the whole batch, or less where memory runs out",
    )
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights, lower early on; 0: none")
    clip: float | None = Field(None, gt=0, description="gradient norm to clip at; empty: no clipping")
    checkpoint_minutes: float = Field(
        2.0, gt=0, description="longest time between checkpoints; the first come sooner"
    )
    keep: int = Field(
        0,
        ge=0,
        le=1000,
        description="checkpoints to keep for good, spread evenly over the run; each takes as much space as `last`",
    )
    non_finite_limit: int = Field(20, ge=1, description="steps with a non-finite loss before the run fails")

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        method, model = parts.get("method"), parts.get("model")
        if self.part is None or method is None or model is None:
            return
        hint = "leave it empty; a smaller data.batch_size needs less memory, and is another experiment"
        if not getattr(method, "imagewise", False):
            name = getattr(method, "name", "")
            yield Conflict("part", f"method {name!r} trains on a whole batch at once", hint)
        elif getattr(model, "by_batch", False):
            yield Conflict(
                "part", "BatchNorm normalises over a whole batch, so parts would change the net", hint
            )
