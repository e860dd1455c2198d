"""Images from a run's weights: ``python -P -m engine.sample RUN_DIR --out FILE``.

FILE decides what is written: .png a grid, .gif the process from noise to image, .npy uint8 N,C,H,W.
Equal arguments give equal bytes. Exit codes: 0, 2 (bad argument), 4 (no checkpoint, no such device).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.conditions import UnknownLabel
from engine.data import to_uint8
from engine.figures.grid import save_gif, save_grid
from engine.methods import Generates
from engine.rundir import RunDir
from engine.sampling import Noise, Strip
from engine.settings.samplers import Sample
from engine.trained import Trained, changed_or_exit, leave, or_exit

BATCH = 256
UNCONDITIONAL_COLUMNS = 8
GIF_FRAMES = 24


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.sample")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--n", type=int)
    parser.add_argument("--label")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--sampler")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--checkpoint", choices=["best", "last"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    trained = or_exit(RunDir(options.run_dir), options.device, options.checkpoint)
    if not isinstance(trained.method, Generates):
        leave(f"recipe {trained.recipe.name} makes no images: there is nothing to sample", 2)
    asked = {
        "sample.sampler": options.sampler,
        "sample.steps": options.steps,
        "sample.guidance": options.guidance,
    }
    settings = changed_or_exit(trained.recipe, asked).sample
    seed = options.seed if options.seed is not None else trained.recipe.train.seed
    labels, columns = _labels(trained, options.label, options.n, seed)
    frames = draw(trained, settings, labels, seed, GIF_FRAMES if options.out.suffix.lower() == ".gif" else 2)
    try:
        _write(frames, options.out, columns)
    except OSError as error:
        leave(f"cannot write {options.out}: {error.strerror or error}", 4)
    return 0


def draw(trained: Trained, settings: Sample, labels: Tensor, seed: int, frames: int = 2) -> list[Tensor]:
    """``frames`` pictures of the way from noise to image, each uint8 N,C,H,W; the last are the images.

    ``labels`` is int64 N or float32 N,A; its length says how many images an unconditional method makes.
    """
    method = trained.method
    assert isinstance(method, Generates)
    noise = Noise(method, seed)
    batches = []
    for part in labels.split(BATCH):
        kept = Strip(min(frames, settings.steps + 1), images=len(part))
        latents = noise.draw(len(part)).to(trained.device)
        chosen = part.to(trained.device) if method.conditional else None
        images = method.sample(settings, latents, chosen, trace=kept)
        batches.append([*kept.frames[:-1], to_uint8(images).cpu()])
    return [torch.cat(parts) for parts in zip(*batches, strict=True)]


def _labels(trained: Trained, label: str | None, n: int | None, seed: int) -> tuple[Tensor, int]:
    """(labels, columns of the grid). Without a label every class in turn, a column for each."""
    conditions = trained.conditions
    if not trained.method.conditional:  # type: ignore[attr-defined]
        if label is not None:
            leave(f"recipe {trained.recipe.name} is unconditional: it takes no --label", 2)
        return torch.zeros(n or UNCONDITIONAL_COLUMNS**2, dtype=torch.int64), UNCONDITIONAL_COLUMNS
    if label is not None:
        try:
            return conditions.parse(label, n or 16, seed), min(n or 16, 8)
        except UnknownLabel as error:
            leave(f"--label: {error}", 2)
    if conditions.classes:
        return conditions.any(n or 8 * len(conditions.classes)), len(conditions.classes)
    return conditions.any(n or UNCONDITIONAL_COLUMNS**2, seed), UNCONDITIONAL_COLUMNS


def _write(frames: list[Tensor], path: Path, columns: int) -> None:
    images = frames[-1]
    columns = min(columns, len(images))
    match path.suffix.lower():
        case ".png":
            save_grid(images, path, columns)
        case ".gif":
            save_gif(frames, path, columns)
        case ".npy":
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            with temporary.open("wb") as file:
                np.save(file, images.numpy())
            temporary.replace(path)
        case other:
            leave(f"--out: {other or path.name!r} is not .png, .gif or .npy", 2)


if __name__ == "__main__":
    sys.exit(main())
