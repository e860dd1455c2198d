"""Images from a run's weights: ``python -P -m engine.inference.sample RUN_DIR --out FILE``.

FILE decides what is written: .png a grid, .gif the process from noise to image, .npy uint8 N,C,H,W. With
``--to-seed`` the images lie between those of two seeds: a .png has a row for each pair, a .gif moves. With
``--neighbours`` each image is followed by the training images nearest to it.
Equal arguments give equal bytes. Exit codes: 0, 2 (bad argument), 3 (no checkpoint of that step), 4 (no checkpoint,
no such device, its memory is full).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.data.dataset import to_uint8
from engine.figures.beside import beside, nearest
from engine.figures.grid import save_gif, save_grid
from engine.figures.latents import slerp
from engine.inference.loading import Trained, changed_or_exit, enough_memory, leave, or_exit
from engine.methods import Generates, Trace
from engine.methods.sampling import Noise, StripRecorder
from engine.recipes.labels import UnknownLabel
from engine.recipes.sample_options import OPTIONS
from engine.runs.directory import RunDir, parse_checkpoint
from engine.settings.samplers import Sample

BATCH = 256
UNCONDITIONAL_COLUMNS = 8
GIF_FRAMES = 24
FRAMES = 12  # between two seeds
IMAGES_WITH_NEIGHBOURS, MOST_NEIGHBOURS = 8, 16

Watch = Callable[[int, int, Tensor, int], None]
"""Called with (steps done, steps to do, images in [-1,1] as far as they have come, columns of their grid)."""


@dataclass(frozen=True)
class Drawing:
    """``images`` uint8 N,C,H,W fill a grid of ``columns``; ``film`` moves, each frame with columns of its own."""

    images: Tensor
    columns: int
    film: list[Tensor]
    film_columns: int

    def save(self, path: Path) -> None:
        """Raises OSError; the suffix must be one of ours."""
        match path.suffix.lower():
            case ".png":
                save_grid(self.images, path, self.columns)
            case ".gif":
                save_gif(self.film, path, self.film_columns)
            case ".npy":
                temporary = path.with_name(f".{path.name}.{os.getpid()}")
                with temporary.open("wb") as file:
                    np.save(file, self.images.numpy())
                temporary.replace(path)
            case other:
                leave(f"--out: {other or path.name!r} is not .png, .gif or .npy", 2)


def main(arguments: list[str] | None = None) -> int:
    parser = argument_parser()
    parser.prog = "python -m engine.inference.sample"
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    with enough_memory(options.device):
        trained = or_exit(RunDir(options.run_dir), options.device, options.checkpoint)
        made = drawing(trained, options, moves=options.out.suffix.lower() == ".gif")
    try:
        made.save(options.out)
    except OSError as error:
        leave(f"cannot write {options.out}: {error.strerror or error}", 4)
    return 0


def argument_parser() -> argparse.ArgumentParser:
    """What can be asked for, without where it goes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int)
    parser.add_argument("--label")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--sampler")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--to-seed", type=int)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--neighbours", type=int)
    parser.add_argument("--checkpoint", type=parse_checkpoint, metavar="best|last|STEP")
    return parser


def drawing(trained: Trained, options: argparse.Namespace, moves: bool, watch: Watch | None = None) -> Drawing:
    """What the options ask for; ``moves`` says whether its film is wanted. Leaves with 2 where they do not fit."""
    method, seed = trained.method, options.seed
    if not isinstance(method, Generates):
        leave(f"recipe {trained.recipe.name} makes no images: there is nothing to sample", 2)
    asked = {key: getattr(options, name) for name, key in OPTIONS.items()}
    settings = changed_or_exit(trained.recipe, asked).sample
    seed = seed if seed is not None else trained.recipe.train.seed
    near = options.neighbours
    if near is not None and not 1 <= near <= MOST_NEIGHBOURS:
        leave(f"--neighbours: should be 1 to {MOST_NEIGHBOURS}, not {near}", 2)
    if near is not None and options.to_seed is not None:
        leave("--neighbours: of images between two seeds none are looked for; leave out --to-seed", 2)
    if options.to_seed is None:
        if options.frames is not None:
            leave("--frames: say --to-seed, the seed at the other end", 2)
        n = options.n if options.n is not None or near is None else IMAGES_WITH_NEIGHBOURS
        labels, columns = _labels(trained, options.label, n, seed)
        noise = Noise(method, seed)
        columns = min(columns, len(labels))
        film = draw(
            trained, settings, labels, noise.draw, GIF_FRAMES if moves else 2, _with_columns(watch, columns)
        )
        if near is not None:
            film, columns = _with_neighbours(film, trained.training_images, near), 1 + near
        return Drawing(film[-1], columns, film, columns)
    frames = options.frames or FRAMES
    pairs = options.n or (1 if options.label is not None or not method.conditional else None)
    labels, columns = _labels(trained, options.label, pairs or len(trained.conditions.classes) or 1, seed)
    ends = zip(*(Noise(method, end).draw(len(labels)) for end in (seed, options.to_seed)), strict=True)
    weights = [i / max(1, frames - 1) for i in range(frames)]
    between = iter([slerp(a, b, weight) for a, b in ends for weight in weights])
    images = draw(
        trained, settings, labels.repeat_interleave(frames, dim=0),
        lambda n: torch.stack([next(between) for _ in range(n)]), watch=_with_columns(watch, frames),
    )[-1]  # fmt: skip
    film = [images[frame::frames] for frame in range(frames)]
    return Drawing(images, frames, film, min(columns, len(labels)))


def _with_neighbours(film: list[Tensor], train: Tensor, count: int) -> list[Tensor]:
    """Each frame with the training images nearest to the images of the last."""
    found, _ = nearest(film[-1], train, count, lambda done, of: None)
    if found.shape[1] < count:
        leave(f"--neighbours: there are but {found.shape[1]} training images", 2)
    return [beside(frame, train, found) for frame in film]


def _with_columns(watch: Watch | None, columns: int) -> Trace | None:
    if watch is None:
        return None
    return lambda done, of, images: watch(done, of, images, min(columns, len(images)))


def draw(
    trained: Trained,
    settings: Sample,
    labels: Tensor,
    noise: Callable[[int], Tensor],
    frames: int = 2,
    watch: Trace | None = None,
) -> list[Tensor]:
    """``frames`` pictures of the way from noise to image, each uint8 N,C,H,W; the last are the images.

    ``labels`` is int64 N or float32 N,A; its length says how many images an unconditional method makes.
    ``noise`` gives the noise of so many images more.
    """
    method = trained.method
    assert isinstance(method, Generates)
    batches, parts = [], labels.split(BATCH)
    for number, part in enumerate(parts):
        kept = StripRecorder(min(frames, settings.steps + 1), images=len(part))

        def trace(step: int, of: int, images: Tensor, kept: StripRecorder = kept, number: int = number) -> None:
            kept(step, of, images)
            if watch is not None:
                watch(number * of + step, len(parts) * of, images)

        latents = noise(len(part)).to(trained.device)
        chosen = part.to(trained.device) if method.conditional else None
        images = method.sample(settings, latents, chosen, trace=trace)
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
        return conditions.any_labels(n or 8 * len(conditions.classes)), len(conditions.classes)
    return conditions.any_labels(n or UNCONDITIONAL_COLUMNS**2, seed), UNCONDITIONAL_COLUMNS


if __name__ == "__main__":
    sys.exit(main())
