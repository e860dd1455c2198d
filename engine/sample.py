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

from engine.data import to_uint8
from engine.figures.grid import save_gif, save_grid
from engine.recipe import Recipe, RecipeError
from engine.rundir import RunDir
from engine.sampling import Noise, Strip
from engine.settings.samplers import Sample
from engine.trained import Trained, leave, or_exit

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
    settings = _sampler(trained.recipe, options.sampler, options.steps)
    if options.guidance is not None:
        leave(f"recipe {trained.recipe.name} was not trained for guidance: its method is "
              f"{trained.recipe.method.name!r}", 2)  # type: ignore[attr-defined]  # fmt: skip
    labels, columns = _labels(trained, options.label, options.n)
    seed = options.seed if options.seed is not None else trained.recipe.train.seed
    frames = draw(trained, settings, labels, seed, GIF_FRAMES if options.out.suffix.lower() == ".gif" else 2)
    try:
        _write(frames, options.out, columns)
    except OSError as error:
        leave(f"cannot write {options.out}: {error.strerror or error}", 4)
    return 0


def draw(trained: Trained, settings: Sample, labels: Tensor, seed: int, frames: int = 2) -> list[Tensor]:
    """``frames`` pictures of the way from noise to image, each uint8 N,C,H,W; the last are the images.

    ``labels`` is int64 N; its length says how many images an unconditional method makes.
    """
    method = trained.method
    noise = Noise(method, seed)
    batches = []
    for part in labels.split(BATCH):
        kept = Strip(min(frames, settings.steps + 1), images=len(part))
        latents = noise.draw(len(part)).to(trained.device)
        chosen = part.to(trained.device) if method.conditional else None
        images = method.sample(settings, latents, chosen, trace=kept)
        batches.append([*kept.frames[:-1], to_uint8(images).cpu()])
    return [torch.cat(parts) for parts in zip(*batches, strict=True)]


def _sampler(recipe: Recipe, name: str | None, steps: int | None) -> Sample:
    changes: dict[str, object] = {}
    if name is not None:
        changes["sample.sampler"] = name
    if steps is not None:
        changes["sample.steps"] = steps
    try:
        return recipe.with_values(changes).sample if changes else recipe.sample
    except RecipeError as error:
        leave(
            "; ".join(f"{p.key}: {p.message}" + (f" ({p.hint})" if p.hint else "") for p in error.problems), 2
        )


def _labels(trained: Trained, label: str | None, n: int | None) -> tuple[Tensor, int]:
    """(labels, columns of the grid). Without a label every class in turn, a column for each."""
    classes = trained.recipe.data.classes
    if not trained.method.conditional:
        if label is not None:
            leave(f"recipe {trained.recipe.name} is unconditional: it takes no --label", 2)
        return torch.zeros(n or UNCONDITIONAL_COLUMNS**2, dtype=torch.int64), UNCONDITIONAL_COLUMNS
    if label is None:
        return torch.arange(n or 8 * len(classes)) % len(classes), len(classes)
    names = [c.lower() for c in classes]
    if label.lower() in names:
        index = names.index(label.lower())
    elif label.isdecimal() and int(label) < len(classes):
        index = int(label)
    else:
        leave(
            f"--label: no class {label!r}; classes are {', '.join(f'{i} {c}' for i, c in enumerate(classes))}",
            2,
        )
    return torch.full((n or 16,), index), min(n or 16, 8)


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
