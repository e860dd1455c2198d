"""What steps cost: noise, checkpoints, less memory, data elsewhere: ``python -m tests.benchmarks.bench_steps``.

One line a figure; ratios are of two things done in turn within this process.

- ``noise``: ``ImageNoise`` over a generator of torch for each image, as it was before, with one thread and with one
  for each core; and its share of a step of ``mnistm-ddpm-cfg``'s sampler with one. Time on a clock, best of NOISES.
- ``checkpoint``: what training waits for a checkpoint written beside it, over the time of writing it in the loop, and a
  step beside it over another: ``celeba-unet``, 45 million parameters, their average and Adam's two moments, 4 images.
  Time on a clock, median of SAVES.
- ``memory``: a training step of ``celeba-unet`` in parts of a quarter of the batch, with activations computed again,
  and both, over a plain one: processor time, and resident memory that the step added to the process at its peak. Each
  in a process of its own; least of STEPS and peak.
- ``data``: training images/s with batches fetched ahead over those of resident images: ``digits-unet`` and
  ``toonfaces-acgan``, in turn, best of ROUNDS. Time on a clock.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from engine.data.batch import Batch, ImageSpec
from engine.data.batches import Batches
from engine.data.conditions import Conditions
from engine.data.dataset import open_dataset
from engine.methods import Method
from engine.methods.building import build_method, context_of
from engine.recipes.recipe import load
from engine.runs.directory import RunDir
from engine.samplers.image_noise import ImageNoise
from engine.settings.registry import build
from engine.training import checkpoint
from engine.training.background_save import BackgroundSave

ROUNDS, NOISES, SAVES = 9, 25, 5
BATCH, STEPS = 16, 2
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


def best(*works: Callable[[], object]) -> list[float]:
    """The least time of each, done in turn, in seconds."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(NOISES):
        for work, taken in zip(works, times, strict=True):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
    return [min(taken) for taken in times]


def noise() -> None:
    for threads in (1, len(os.sched_getaffinity(0))):
        torch.set_num_threads(threads)
        for shape in SHAPES:
            begun = torch.randn(shape)
            new, old = best(ImageNoise(begun).normal, of_generators(begun))
            each = new / begun.numel() * 1e9
            print(f"noise_of_a_step: {each:.1f} ns a number, {new / old:.2f}x for {shape}, {threads} threads "
                  "(need at most 1.0x)")  # fmt: skip
    torch.set_num_threads(1)
    recipe = load("mnistm-ddpm-cfg", quick=True)
    method = build_method(recipe, torch.device("cpu"), Conditions.of(open_dataset(recipe.data)))
    start = torch.randn(method.noise_shape(64))  # type: ignore[attr-defined]
    labels = torch.zeros(len(start), dtype=torch.long)
    steps = 4
    settings = recipe.sample.model_copy(update={"steps": steps})
    whole, one = best(
        lambda: method.sample(settings, start, labels),  # type: ignore[attr-defined]
        ImageNoise(start).normal,
    )
    share = one * (steps - 1) / whole
    print(f"noise_share: {share:.2%} of sampling 64 images of mnistm-ddpm-cfg with {type(settings).__name__}")


def denoiser(changes: dict[str, object]) -> tuple[Method, Batch]:
    """``celeba-unet``, 45 million parameters, and a batch of noise."""
    fixed = {"data.batch_size": BATCH, "train.precision": "fp32"}
    recipe = load("celeba-unet").with_values({**fixed, **changes})
    spec = ImageSpec((3, 64, 64))
    context = context_of(recipe, spec, torch.device("cpu"), 10, 5)
    images = torch.rand(recipe.data.batch_size, *spec.shape)
    return build(recipe.method, Method, context), Batch(images.contiguous(memory_format=torch.channels_last))


def step(changes: dict[str, object]) -> tuple[float, float]:
    """(processor seconds, MiB added at the peak) of a training step; for a process of its own."""
    torch.set_num_threads(1)
    method, batch = denoiser(changes)
    method.training_step(batch[:1])  # the optimiser's moments
    before, times = resident(), []
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    for _ in range(STEPS):
        began = time.process_time()
        method.training_step(batch)
        times.append(time.process_time() - began)
    return min(times), (resident("VmHWM") - before) / 1024


def resident(what: str = "VmRSS") -> int:
    """KiB of this process that are in memory, or the most there were (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1])


def memory() -> None:
    again = {"model.activation_checkpointing": True}
    part = {"train.part": BATCH // 4}
    figures = {}
    for name, changes in {"plain": {}, "parts": part, "again": again, "both": part | again}.items():
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            figures[name] = pool.submit(step, changes).result()
    seconds, peak = figures.pop("plain")
    print(f"plain_step: {seconds:.1f} s, {peak:.0f} MiB, celeba-unet, {BATCH} images")
    for name, (taken, needed) in figures.items():
        print(f"step_{name}: {taken / seconds:.2f}x the time, {needed / peak:.2f}x the memory")


def fetched() -> None:
    for name in ("digits-unet", "toonfaces-acgan"):
        recipe = load(name, ["train.precision=fp32"])
        dataset = open_dataset(recipe.data)
        method = build_method(recipe, torch.device("cpu"), Conditions.of(dataset))
        sources = {
            resident: Batches(
                dataset, recipe.data.batch_size, "cpu", 0, augmentation=recipe.data, resident=resident
            )
            for resident in (True, False)
        }
        times: dict[bool, list[float]] = {True: [], False: []}
        for number in range(2 * ROUNDS):
            resident = number % 2 == 0
            method.training_step(sources[resident].at(4 * number))
            began = time.perf_counter()
            for step in range(1, 4):
                method.training_step(sources[resident].at(4 * number + step))
            times[resident].append(time.perf_counter() - began)
        ratio = min(times[True]) / min(times[False])
        print(f"fetched_over_resident: {ratio:.2f}x the images/s of {name} (need at least 0.95x)")


def stalls() -> None:
    method, batch = denoiser({"data.batch_size": 4})
    method.training_step(batch)  # the optimiser's moments
    times: dict[str, list[float]] = {"in the loop": [], "waited": [], "step": [], "beside": []}
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir(Path(folder))
        run.checkpoints.mkdir()
        save = BackgroundSave(run, torch.device("cpu"))
        buffers = [buffer for net in method.nets.values() for buffer in net.buffers()]
        for number in range(SAVES + 1):
            began = time.perf_counter()
            checkpoint.save(run, number, method.weights(), {"method": method.state()}, ["last"])
            times["in the loop"].append(time.perf_counter() - began)
            began = time.perf_counter()
            method.training_step(batch)
            times["step"].append(time.perf_counter() - began)
            moments: list[float] = []
            note = lambda *_: moments.append(time.perf_counter())  # noqa: B023, E731
            before = register_optimizer_step_pre_hook(note)
            began = time.perf_counter()
            save.begin(number, number, method.weights(), {"method": method.state()}, buffers)
            copied = time.perf_counter()
            after = register_optimizer_step_pre_hook(note)
            method.training_step(batch)
            times["beside"].append(time.perf_counter() - copied)
            times["waited"].append(copied - began + moments[1] - moments[0])
            before.remove()
            after.remove()
            saved = save.ended(wait=True)
            assert saved is not None and saved.size
    waited = times["waited"][0]
    loop, stall, plain, beside = (
        statistics.median(times[name][1:]) for name in ("in the loop", "waited", "step", "beside")
    )
    print(f"checkpoint_stall: {stall * 1e3:.0f} ms, {stall / loop:.1%} of {loop:.2f} s (need at most 5%)")
    print(f"first_checkpoint_stall: {waited / loop:.1%}, when its memory is new")
    print(f"step_beside_a_write: {beside / plain:.2f}x of {plain:.2f} s")


if __name__ == "__main__":
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or ["noise", "checkpoint", "memory", "data"]
    if "noise" in wanted:
        noise()
    if "checkpoint" in wanted:
        stalls()
    if "memory" in wanted:
        memory()
    if "data" in wanted:
        fetched()
