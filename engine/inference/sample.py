"""Draw images from a checkpoint: ``python -P -m engine.inference.sample RUN_DIR --out FILE``.

The suffix of FILE selects the output: .png a grid, .gif the process from noise to image, .npy uint8 N,C,H,W. With
``--to-seed`` the images are interpolated between those of two seeds: a row per pair in a .png, an animation in a .gif.
With ``--neighbours`` each image is followed by the training images nearest to it.
Equal arguments give equal bytes. Exit codes: 0, 2 (bad argument), 3 (no checkpoint of that step), 4 (no checkpoint,
no such device, or its memory is full).
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine import main_program
from engine.data.dataset import to_uint8
from engine.figures.beside import beside, nearest, neighbour_names
from engine.figures.grid import save_gif, save_grid
from engine.figures.latents import slerp
from engine.inference.loading import Trained, enough_memory, exit_with, load_or_exit, with_options_or_exit
from engine.methods import Generates, Trace
from engine.methods.sampling import Noise, StripRecorder
from engine.recipes.labels import UnknownLabel
from engine.recipes.sample_options import OPTIONS
from engine.runs.directory import RunDir, parse_checkpoint
from engine.runs.files import give_by_umask, write_atomically
from engine.settings.samplers import Sample

BATCH = 256
UNCONDITIONAL_COLUMNS = 8
IMAGES_OF_A_LABEL = 16
GIF_FRAMES = 24
FRAMES = 12
"""Frames of an interpolation between two seeds."""
IMAGES_WITH_NEIGHBOURS, MOST_NEIGHBOURS = 8, 16

Preview = Callable[[int, int, Tensor, int, Sequence[str]], None]
"""Called while sampling with (steps done, steps in all, images so far: N,C,H,W in [-1,1], columns of their grid,
names of their labels)."""


@dataclass(frozen=True)
class Drawing:
    """``images`` uint8 N,C,H,W for a grid of ``columns``, and the ``film``: frames for a grid of ``film_columns``.

    ``names``: the label of each image of a frame, if there are several labels. ``column_names``: what is in the
    columns, if each image is followed by its neighbours; then ``names`` are those of the rows.
    """

    images: Tensor
    columns: int
    film: list[Tensor]
    film_columns: int
    names: Sequence[str] = ()
    column_names: Sequence[str] = ()

    def save(self, path: Path) -> None:
        """Write the file that the suffix of ``path`` selects. Exits with 2 for another suffix; raises OSError."""
        match path.suffix.lower():
            case ".png":
                save_grid(self.images, path, self.columns)
            case ".gif":
                save_gif(self.film, path, self.film_columns)
            case ".npy":
                content = io.BytesIO()
                np.save(content, self.images.numpy())
                write_atomically(path, content.getvalue())
            case other:
                exit_with(f"--out: {other or path.name!r} is not .png, .gif or .npy", 2)
        give_by_umask(path)


def main(arguments: list[str] | None = None) -> int:
    """Draw images as the command line says. Returns the exit code; errors exit with a message."""
    parser = argument_parser()
    parser.prog = "python -m engine.inference.sample"
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    with enough_memory(options.device):
        trained = load_or_exit(RunDir(options.run_dir), options.device, options.checkpoint)
        drawing = draw(trained, options, needs_film=options.out.suffix.lower() == ".gif")
    try:
        drawing.save(options.out)
    except OSError as error:
        exit_with(f"cannot write {options.out}: {error.strerror or error}", 4)
    return 0


def argument_parser() -> argparse.ArgumentParser:
    """Parser of the options that say what is drawn, but not from which run nor to which file."""
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


def draw(
    trained: Trained, options: argparse.Namespace, needs_film: bool, preview: Preview | None = None
) -> Drawing:
    """Draw what the options ask for, with all frames of its film if ``needs_film``.

    Exits with 2 when the options are not valid or conflict.
    """
    if not isinstance(trained.method, Generates):
        exit_with(f"recipe {trained.recipe.name} makes no images: there is nothing to sample", 2)
    changes = {key: getattr(options, name) for name, key in OPTIONS.items()}
    settings = with_options_or_exit(trained.recipe, changes).sample
    seed = options.seed if options.seed is not None else trained.recipe.train.seed
    near = options.neighbours
    if near is not None and not 1 <= near <= MOST_NEIGHBOURS:
        exit_with(f"--neighbours: should be 1 to {MOST_NEIGHBOURS}, not {near}", 2)
    if options.to_seed is not None:
        if near is not None:
            exit_with("--neighbours: of images between two seeds none are looked for; leave out --to-seed", 2)
        return _interpolation(trained, options, settings, seed, preview)
    if options.frames is not None:
        exit_with("--frames: say --to-seed, the seed at the other end", 2)
    return _grid(trained, options, settings, seed, needs_film, preview)


def _grid(
    trained: Trained,
    options: argparse.Namespace,
    settings: Sample,
    seed: int,
    needs_film: bool,
    preview: Preview | None,
) -> Drawing:
    """Images of one seed, each followed by its neighbours where these are asked for. The film is the process from
    noise to image."""
    method, near = trained.method, options.neighbours
    assert isinstance(method, Generates)
    count = IMAGES_WITH_NEIGHBOURS if options.n is None and near is not None else options.n
    labels, columns = _labels(trained, options.label, count, seed)
    noise = Noise(method, seed)
    columns = min(columns, len(labels))
    frames = GIF_FRAMES if needs_film else 2
    names = _names(trained, labels)
    film = sample_images(trained, settings, labels, noise.draw, frames, _with_columns(preview, columns, names))
    if near is not None:
        film, columns = _with_neighbours(film, trained.training_images, near), 1 + near
        return Drawing(film[-1], columns, film, columns, names, neighbour_names(near))
    return Drawing(film[-1], columns, film, columns, names)


def _interpolation(
    trained: Trained, options: argparse.Namespace, settings: Sample, seed: int, preview: Preview | None
) -> Drawing:
    """Images between those of two seeds: a row of frames for each pair. The film shows all pairs at once."""
    method = trained.method
    assert isinstance(method, Generates)
    frames = options.frames or FRAMES
    pairs = options.n or (1 if options.label is not None or not method.conditional else None)
    labels, columns = _labels(trained, options.label, pairs or len(trained.conditions.classes) or 1, seed)
    ends = zip(*(Noise(method, end).draw(len(labels)) for end in (seed, options.to_seed)), strict=True)
    weights = [i / max(1, frames - 1) for i in range(frames)]
    latents = iter([slerp(a, b, weight) for a, b in ends for weight in weights])
    images = sample_images(
        trained, settings, labels.repeat_interleave(frames, dim=0),
        lambda n: torch.stack([next(latents) for _ in range(n)]), trace=_with_columns(preview, frames, ()),
    )[-1]  # fmt: skip
    film = [images[frame::frames] for frame in range(frames)]
    return Drawing(images, frames, film, min(columns, len(labels)), _names(trained, labels))


def _with_neighbours(film: list[Tensor], train: Tensor, count: int) -> list[Tensor]:
    """Each frame of a film, with the training images nearest to the images of its last frame."""
    neighbours, _ = nearest(film[-1], train, count, lambda done, total: None)
    if neighbours.shape[1] < count:
        exit_with(f"--neighbours: there are but {neighbours.shape[1]} training images", 2)
    return [beside(frame, train, neighbours) for frame in film]


def _with_columns(preview: Preview | None, columns: int, names: Sequence[str]) -> Trace | None:
    if preview is None:
        return None
    return lambda done, total, images: preview(done, total, images, min(columns, len(images)), names)


def _names(trained: Trained, labels: Tensor) -> list[str]:
    """The class of each label; [] where they are all the same, or attributes, whose names are long."""
    if not trained.method.conditional or not trained.conditions.classes:  # type: ignore[attr-defined]
        return []
    names = [trained.conditions.describe(label) for label in labels]
    return names if len({*names}) > 1 else []


def sample_images(
    trained: Trained,
    settings: Sample,
    labels: Tensor,
    noise: Callable[[int], Tensor],
    frames: int = 2,
    trace: Trace | None = None,
) -> list[Tensor]:
    """Sample in batches. Returns ``frames`` stages from noise to image, each uint8 N,C,H,W; the last are the images.

    ``labels`` is int64 N or float32 N,A; its length is the number of images for an unconditional method, too.
    ``noise(n)`` returns the next n latents. ``trace`` counts the steps of all batches.
    """
    method = trained.method
    assert isinstance(method, Generates)
    batches, parts = [], labels.split(BATCH)
    for number, part in enumerate(parts):
        strip = StripRecorder(min(frames, settings.steps + 1), images=len(part))

        def trace_all(
            step: int, steps: int, images: Tensor, strip: StripRecorder = strip, number: int = number
        ) -> None:
            strip(step, steps, images)
            if trace is not None:
                trace(number * steps + step, len(parts) * steps, images)

        latents = noise(len(part)).to(trained.device)
        requested = part.to(trained.device) if method.conditional else None
        images = method.sample(settings, latents, requested, trace=trace_all)
        batches.append([*strip.frames[:-1], to_uint8(images).cpu()])
    return [torch.cat(stages) for stages in zip(*batches, strict=True)]


def _labels(trained: Trained, label: str | None, count: int | None, seed: int) -> tuple[Tensor, int]:
    """(labels, columns of the grid). Without a label, all classes in turn, with a column for each.

    Exits with 2 when the label is unknown or the method is unconditional.
    """
    conditions = trained.conditions
    if not trained.method.conditional:  # type: ignore[attr-defined]
        if label is not None:
            exit_with(f"recipe {trained.recipe.name} is unconditional: it takes no --label", 2)
        return torch.zeros(count or UNCONDITIONAL_COLUMNS**2, dtype=torch.int64), UNCONDITIONAL_COLUMNS
    if label is not None:
        count = count or IMAGES_OF_A_LABEL
        try:
            return conditions.parse(label, count, seed), min(count, 8)
        except UnknownLabel as error:
            exit_with(f"--label: {error}", 2)
    if conditions.classes:
        return conditions.any_labels(count or 8 * len(conditions.classes)), len(conditions.classes)
    return conditions.any_labels(count or UNCONDITIONAL_COLUMNS**2, seed), UNCONDITIONAL_COLUMNS


if __name__ == "__main__":
    main_program.run(main)
