"""Whether the engine does on a GPU what it should."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from engine import devices
from engine.recipes.recipe import Recipe, load, menu
from engine.training import checkpoint
from engine.training.precision import _fill_zero_weights
from gentui.machine.gpus import nvidia_gpus
from tests.gpu.parts import FEW, build, end_of, events_of, has_setting, make_batch, new_run, sent, train

CLOSE = 1e-3
"""Relative difference of gradients in fp32 between two devices; convolutions are added up in other orders."""


class Failed(Exception):
    """A check that does not hold."""


# -- checks ---------------------------------------------------------------------------------------------------


def check_recipes(device: torch.device) -> str:
    """The quick form of every recipe, ten steps of it."""
    recipes, problems = menu()
    if problems:
        raise Failed(str(problems[0]))
    failed = []
    with tempfile.TemporaryDirectory() as home:
        for shipped in recipes:
            recipe = load(shipped.name, quick=True)
            known = {key: value for key, value in FEW.items() if has_setting(recipe, key)}
            run = new_run(Path(home), recipe.with_values(known))
            if (code := train(run, device)) != 0:
                failed.append(f"{shipped.name} ended with {code}: {end_of(run)}")
    if failed:
        raise Failed("; ".join(failed))
    return f"all {len(recipes)} quick recipes trained, drew and were scored"


def check_parity(device: torch.device) -> str:
    """Gradients of one step in fp32 without TF32, from the same weights, batch and random numbers."""
    worst, which = 0.0, ""
    for name in ("digits-unet", "digits-cfg", "digits-vae", "photos-dcgan", "digitsm-digits-dann"):
        recipe = load(name, quick=True)
        here, there = (_gradient(recipe, place) for place in (torch.device("cpu"), device))
        difference = float((here - there).norm() / here.norm())
        if difference >= worst:
            worst, which = difference, name
    if not worst < CLOSE:
        raise Failed(f"the gradient of {which} differs by {worst:.1e} of its length")
    return f"gradients differ by at most {worst:.1e} of their length ({which})"


def _gradient(recipe: Recipe, device: torch.device) -> Tensor:
    tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        torch.manual_seed(0)
        method = build(recipe, torch.device("cpu"))
        _fill_zero_weights(method)
        weights = method.weights()
        method = build(recipe, device)
        method.load_weights(weights)
        batch = make_batch(recipe, 8, torch.device("cpu"))
        with drawn_on_the_cpu():
            return method.probe_gradient(sent(batch, device)).cpu()
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32


@contextmanager
def drawn_on_the_cpu() -> Iterator[None]:
    """Let random numbers be drawn on the CPU and sent, so that they are the same on every device."""

    def drawing(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *sizes, device="cpu", **options: draw(*sizes, **options).to(device)

    def drawing_like(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda like: draw(like.shape, dtype=like.dtype).to(like.device)

    torch.manual_seed(1)
    fakes = {name: drawing(getattr(torch, name)) for name in ("rand", "randn", "randint")}
    fakes |= {f"{name}_like": drawing_like(getattr(torch, name)) for name in ("rand", "randn")}
    with mock.patch.multiple(torch, **fakes):
        yield


def check_resume(device: torch.device) -> str:
    """A run that is stopped after half of its steps and resumed ends with the weights of one that is not."""
    set_up = devices.set_up

    def exactly(*arguments: Any) -> int:
        threads = set_up(*arguments)
        torch.backends.cudnn.benchmark = False
        return threads

    torch.use_deterministic_algorithms(True)
    try:
        with tempfile.TemporaryDirectory() as home, mock.patch.object(devices, "set_up", exactly):
            recipe = load("digits-unet", quick=True).with_values({**FEW, "evaluate.times": 0})
            straight, stopped = (new_run(Path(home), recipe) for _ in range(2))
            codes = [
                train(straight, device),
                train(stopped, device, stop_at=FEW["train.steps"] // 2),
                train(stopped, device),
            ]
            if any(codes):
                raise Failed(f"the attempts ended with {codes}: {end_of(stopped)}")
            one, other = checkpoint.load_weights(straight), checkpoint.load_weights(stopped)
    finally:
        torch.use_deterministic_algorithms(False)
    different = [
        f"{net}.{name}" for net, tensors in one.items() for name, tensor in tensors.items()
        if not torch.equal(tensor, other[net][name])
    ]  # fmt: skip
    if different:
        raise Failed(f"{len(different)} tensors differ after a resume, {different[0]} among them")
    return "a resumed run of digits-unet ended with the same weights, bit for bit"


def check_memory(device: torch.device) -> str:
    """A batch that does not fit is taken in parts; one that cannot be divided ends the run with what helps."""
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(min(1.0, 4e9 / total), device)
    big = {**FEW, "train.steps": 3, "evaluate.times": 0, "health.alarms": False, "train.precision": "fp32"}
    try:
        with tempfile.TemporaryDirectory() as home:
            # Eight times the channels: a batch of 256 needs some 20 GB.
            wide = {**big, "model.channels": 256, "data.batch_size": 256}
            divided = new_run(Path(home), load("digits-unet", quick=True).with_values(wide))
            if train(divided, device):
                raise Failed(f"a batch that could be divided ended the run: {end_of(divided)}")
            told = [
                event for event in events_of(divided) if event["kind"] == "alert" and event["name"] == "memory"
            ]
            if not told:
                raise Failed("no alert says that the batch was divided: it has fitted into 4 GB")
            whole = {**big, "model.channels": 512, "data.batch_size": 1024}
            failed = new_run(Path(home), load("digits-vae", quick=True).with_values(whole))
            if train(failed, device) != 1 or "out of memory on GPU" not in end_of(failed):
                raise Failed(f"a batch that cannot be divided ended with: {end_of(failed)}")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
        devices.release_memory()
    return f"{told[-1]['sentence']} Undivided: {end_of(failed)}"


def check_nvml(device: torch.device) -> str:
    """The GPU as the machine screen shows it, with this process on it."""
    held = torch.zeros(1 << 28, dtype=torch.uint8, device=device)
    gpus, missing = nvidia_gpus(lambda pid: str(pid))
    if not gpus:
        raise Failed(f"NVML tells of no GPU ({missing})")
    mine = [gpu for gpu in gpus if any(process.pid == os.getpid() for process in gpu.processes)]
    del held
    seen = (
        f"this process is seen on GPU {mine[0].number}"
        if mine
        else "this process is not seen, as in a container"
    )
    return f"{len(gpus)} GPUs, the first {gpus[0].name}; {seen}"


CHECKS: dict[str, Callable[[torch.device], str]] = {
    "recipes": check_recipes, "parity": check_parity, "resume": check_resume, "memory": check_memory,
    "nvml": check_nvml,
}  # fmt: skip
