"""How fast the engine is on a GPU."""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.devices import has_native_bf16
from engine.evaluation.extractors import load_extractor
from engine.methods import Method
from engine.recipes.recipe import Recipe, load
from tests.gpu.parts import build, make_batch
from tests.support.evaluation import made_up_inception

TIMED = ("faces-dcgan", "fashion-resnet-class", "celeba-unet", "mnistm-ddpm-cfg")
COMPILED = (False, True)
SECONDS = 4.0
"""For how long a speed is measured."""


def measure_training(device: torch.device) -> list[dict[str, Any]]:
    """Of each timed recipe, eager and compiled: images/s, share of the peak, operations, waits and memory."""
    rows = []
    for name in TIMED:
        for compiled in COMPILED:
            recipe = load(name).with_values({"train.compile": compiled})
            try:
                rows.append({"recipe": name, "compiled": compiled, **_speed(recipe, device)})
            except Exception as error:  # a compiler that is not there, a net that cannot be compiled
                rows.append({"recipe": name, "compiled": compiled, "error": str(error).splitlines()[0]})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def _speed(recipe: Recipe, device: torch.device) -> dict[str, Any]:
    method, size = build(recipe, device), recipe.data.batch_size
    method.precision = precision = "bf16" if has_native_bf16(device) else "fp32"
    batch = make_batch(recipe, size, device)
    with FlopCounterMode(display=False) as counter:
        method.training_step(batch)
    step = lambda: method.training_step(batch)  # noqa: E731
    for _ in range(2 * method_period(method)):
        step()
    _wait(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    per_second = _rate(step, device)
    found = {
        "precision": precision,
        "images_per_s": round(size * per_second, 1),
        "peak_share": round(counter.get_total_flops() * per_second / matmul_rate(device, precision), 4),
    }
    if device.type == "cuda":
        found["peak_mib"] = round(torch.cuda.max_memory_allocated(device) / 2**20)
        found |= {
            "operations": _operations(step, method_period(method)),
            "waits": _waits(step, method_period(method)),
        }
    return found


def method_period(method: Method) -> int:
    """Steps after which a method does the same again."""
    return getattr(method, "steps_per_update", 1)


def _operations(step: Callable[[], Any], period: int) -> float:
    """Kernels and copies that a step starts on the device."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(period):
            step()
        torch.cuda.synchronize()
    return round(sum(event.device_type.name == "CUDA" for event in profile.events() or ()) / period, 1)


def _waits(step: Callable[[], Any], period: int) -> float:
    """How often the host waits for the device in a step."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(period):
                step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught) / period


_matmul_rates: dict[str, float] = {}


def matmul_rate(device: torch.device, precision: str) -> float:
    """FLOP/s of large matrix products on the device, measured once."""
    if precision not in _matmul_rates:
        side = 8192 if device.type == "cuda" else 1024
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
        torch.mm(a, b)
        _matmul_rates[precision] = 2 * side**3 * _rate(lambda: torch.mm(a, b), device, min(1.0, SECONDS))
    return _matmul_rates[precision]


def measure_sampling(device: torch.device) -> list[dict[str, Any]]:
    """Images/s that each timed recipe draws with its own sampler."""
    rows = []
    for name in TIMED:
        recipe = load(name)
        method: Any = build(recipe, device)
        method.precision = "bf16" if has_native_bf16(device) else "fp32"
        count = 256 if device.type == "cuda" else 8
        steps = (
            {"steps": min(getattr(recipe.sample, "steps", 0), 50)} if getattr(recipe.sample, "steps", 0) else {}
        )
        settings = recipe.sample.model_copy(update=steps)
        noise, labels = (
            torch.randn(method.noise_shape(count), device=device),
            make_batch(recipe, count, device).labels,
        )
        draw = lambda m=method, s=settings, n=noise, i=labels: m.sample(s, n, i)  # noqa: E731
        draw()
        speed = count * _rate(draw, device)
        rows.append({"recipe": name, **steps, "images_per_s": round(speed, 1)})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def measure_inception(device: torch.device) -> list[dict[str, Any]]:
    """Images/s through Inception, in batches of 256; its weights are random, which costs the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = made_up_inception(Path(folder) / "made-up.pth")
        extractor = load_extractor("inception", weights=path, device=device)
    count = extractor.batch if device.type == "cuda" else 4
    images = torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, device=device)
    embed = lambda: extractor.features(images)  # noqa: E731
    embed()
    return [{"batch": count, "images_per_s": round(count * _rate(embed, device), 1)}]


def _rate(work: Callable[[], Any], device: torch.device, seconds: float = SECONDS) -> float:
    """How often ``work`` is done in a second."""
    _wait(device)
    began, count = time.perf_counter(), 0
    while True:
        work()
        count += 1
        if count % 8 == 0 or device.type == "cpu":
            _wait(device)
            if (passed := time.perf_counter() - began) > seconds:
                return count / passed


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def table(found: dict[str, Any]) -> str:
    """The speeds as Markdown."""
    lines = [
        f"On {found['device']}, torch {found['torch']}; `python -m tests.gpu`, {found['date']}.", "",
        "| recipe | compiled | precision | images/s | share of the peak | operations | waits | MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in found["speeds"].get("training", []):
        keys = ("precision", "images_per_s", "peak_share", "operations", "waits", "peak_mib")
        cells = [str(row.get(key, row.get("error", "—"))) for key in keys]
        lines.append(f"| `{row['recipe']}` | {'yes' if row['compiled'] else 'no'} | {' | '.join(cells)} |")
    for row in found["speeds"].get("sampling", []):
        lines.append(f"\nSampling `{row['recipe']}`: {row['images_per_s']} images/s")
    for row in found["speeds"].get("inception", []):
        lines.append(f"\nInception, batches of {row['batch']}: {row['images_per_s']} images/s")
    return "\n".join(lines)


SPEEDS: dict[str, Callable[[torch.device], list[dict[str, Any]]]] = {
    "training": measure_training, "sampling": measure_sampling, "inception": measure_inception,
}  # fmt: skip
