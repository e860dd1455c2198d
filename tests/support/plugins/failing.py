"""Parts that fail on purpose, as plug-ins: a scorer and a figure."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from engine.settings.evaluation import FID
from engine.settings.figures import Figure
from engine.settings.methods import EDM
from engine.settings.registry import register


@register("metric", "failing")
class Failing(FID):
    """A scorer of its own that fails as ``fault`` says. ``log`` gets a line for each score and report begun."""

    metric: str = "failing"
    fault: Literal["", "memory", "allocation", "bug", "kill", "stop", "disk"] = Field(
        "", description="what goes wrong"
    )
    spares: str = Field("", description="``score`` or ``report``: it goes right")
    fits: int = Field(0, description="largest batch that fits into memory")
    kills: int = Field(1000, description="how often it kills the process")
    log: str = Field("/dev/null", description="file of the calls, on a disk that may be full")
    factory: ClassVar[str] = f"{__name__}:scorer"


@register("figure", "failing")
class FailingFigure(Figure):
    """A figure whose code has a mistake."""

    factory: ClassVar[str] = f"{__name__}:draw"


@register("method", "failing-figure")
class WithFailingFigure(EDM):
    """EDM with that figure between two others."""

    name: str = "failing-figure"
    figures: ClassVar[tuple[str, ...]] = ("grid", "failing", "real")


def draw(settings, context):
    import torch

    torch.rand(1000)  # it draws from the generator of training
    context.method.nets["model"].eval()
    return [{}["no such key"]]


def scorer(settings, recipe, dataset, device):
    import torch

    from engine.evaluation.protocol import Protocol
    from engine.evaluation.score import Score

    class Scorer:
        metric = "toy"
        samples = None

        def __init__(self):
            self.settings = settings

        def score(self, method, progress=None, announce=None):
            return self.measured("score", method, progress)

        def report(self, method, progress=None, announce=None, seed=0):
            return self.measured("report", method, progress)

        def measured(self, what, method, progress):
            torch.rand(7)  # it draws from the generator of training
            place = Path(self.settings.log)
            with place.open("a") as file:
                file.write(f"{what} {self.settings.batch_size}\n")
            if self.settings.spares != what:
                self.fail(place, what)
            if progress:
                progress(1, 1)
            weights = [tensor.double().abs().sum() for tensor in method.weights()["model"].values()]
            protocol = Protocol("toy", dataset.name, dataset.fingerprint[:8], "test", 1, how=what)
            return [Score("toy", float(sum(weights)), False, protocol, None, 0.0)]

        def fail(self, place, what):
            fault, batch = self.settings.fault, self.settings.batch_size
            if fault == "memory" and batch > self.settings.fits:
                raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {batch}.00 GiB")
            if fault == "allocation":
                torch.empty(2**60, dtype=torch.uint8)
            if fault == "bug":
                raise ValueError(f"no {what} of {len(place.read_text().splitlines())} can be made")
            if fault == "kill" and place.read_text().count(what) <= self.settings.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            if fault == "stop" and place.read_text().count(what) <= self.settings.kills:
                os.kill(os.getpid(), signal.SIGTERM)
            if fault == "disk":
                filler = place.with_name("filler")
                try:
                    with filler.open("wb", buffering=0) as file:
                        while True:
                            file.write(b"\0" * (1 << 16))
                finally:
                    filler.unlink()

    return Scorer()
