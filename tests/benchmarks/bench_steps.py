"""What a sampler's step pays for noise, and training for a checkpoint: ``python -m tests.benchmarks.bench_steps``.

One line a figure; ratios are of two things done in turn within this process.

- ``noise``: ``ImageNoise`` over a generator of torch for each image, as it was before; and its share of a step of
  ``mnistm-ddpm-cfg``'s sampler. Processor time, best of ROUNDS.
- ``checkpoint``: until training goes on after a checkpoint written beside it, over the time of writing it in the loop;
  for nets of 45 million parameters with their average and Adam's two moments. Time on a clock, median of SAVES.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from engine.data.conditions import Conditions
from engine.data.dataset import open_dataset
from engine.methods.building import build_method
from engine.recipes.recipe import load
from engine.runs.directory import RunDir
from engine.samplers.image_noise import ImageNoise
from engine.training import checkpoint
from engine.training.background_save import BackgroundSave

ROUNDS, SAVES = 9, 5
PARAMETERS = 45_000_000
SHAPES = ((256, 3, 64, 64), (64, 1, 28, 28))


def of_generators(noise: Tensor) -> Callable[[], Tensor]:
    """Noise from a generator for each image."""
    generators = [torch.Generator().manual_seed(number) for number in range(len(noise))]
    buffer = torch.empty_like(noise)

    def normal() -> Tensor:
        for row, generator in zip(buffer, generators, strict=True):
            torch.randn(row.shape, generator=generator, out=row)
        return buffer.clone()

    return normal


def best(work: Callable[[], object]) -> float:
    """The least processor time of several, in seconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def noise() -> None:
    for shape in SHAPES:
        begun = torch.randn(shape)
        new, old = best(ImageNoise(begun).normal), best(of_generators(begun))
        each = new / begun.numel() * 1e9
        print(f"noise_of_a_step: {each:.1f} ns a number, {new / old:.2f}x for {shape} (need at most 1.0x)")
    recipe = load("mnistm-ddpm-cfg", quick=True)
    method = build_method(recipe, torch.device("cpu"), Conditions.of(open_dataset(recipe.data)))
    start = torch.randn(method.noise_shape(64))  # type: ignore[attr-defined]
    labels = torch.zeros(len(start), dtype=torch.long)
    steps = 4
    settings = recipe.sample.model_copy(update={"steps": steps})
    whole = best(lambda: method.sample(settings, start, labels))  # type: ignore[attr-defined]
    share = best(ImageNoise(start).normal) * (steps - 1) / whole
    print(f"noise_share: {share:.2%} of sampling 64 images of mnistm-ddpm-cfg with {type(settings).__name__}")


def stalls() -> None:
    part = PARAMETERS // 9
    tensors = lambda: {str(n): torch.randn(part) for n in range(9)}  # noqa: E731
    weights = {"model": tensors(), "ema": tensors()}
    state = {"step": 1, "moments": [tensors(), tensors()]}
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir(Path(folder))
        run.checkpoints.mkdir()
        save, waited, written = BackgroundSave(run, torch.device("cpu")), [], []
        for number in range(SAVES + 1):
            began = time.perf_counter()
            checkpoint.save(run, number, weights, state, ["last"])
            written.append(time.perf_counter() - began)
            began = time.perf_counter()
            save.begin(number, number, weights, state)
            waited.append(time.perf_counter() - began)
            saved = save.ended(wait=True)
            assert saved is not None and saved.error is None
    stall, before = statistics.median(waited[1:]), statistics.median(written[1:])
    print(f"checkpoint_stall: {stall * 1e3:.0f} ms, {stall / before:.1%} of {before:.2f} s (need at most 5%)")
    print(f"first_checkpoint_stall: {waited[0] / before:.0%}, when its memory is new")


if __name__ == "__main__":
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or ["noise", "checkpoint"]
    if "noise" in wanted:
        noise()
    if "checkpoint" in wanted:
        stalls()
