"""Animation of the sample grids of a run, oldest first."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from engine.figures import FigureContext, Picture
from engine.figures.grid import save_atomically
from engine.runs.files import open_plain_file
from engine.settings.figures import Progress

MOST_FRAMES = 24
MILLISECONDS, LAST_MILLISECONDS = 500, 3000


def draw(settings: Progress, context: FigureContext) -> Iterator[Picture]:
    """The animation, once there are two grids. It is made from the saved files, and so complete after a resume."""
    last = f"{context.step:09d}.png"
    paths = sorted(path for path in context.run.samples.glob("*.png") if path.name <= last)
    if len(paths) < 2:
        return
    if len(paths) > MOST_FRAMES:
        paths = [paths[round(i * (len(paths) - 1) / (MOST_FRAMES - 1))] for i in range(MOST_FRAMES)]
    yield Picture("progress", partial(_save, paths), "sample grids through training", ".gif", replaces=True)


def _save(paths: list[Path], target: Path) -> None:
    frames: list[Image.Image] = []
    for path in paths:
        with (
            contextlib.suppress(OSError),  # skip a damaged file
            os.fdopen(open_plain_file(path), "rb") as file,
            Image.open(file) as picture,
        ):
            frames.append(picture.copy())
    frames = [frame for frame in frames if frame.size == frames[-1].size]
    durations = [MILLISECONDS] * (len(frames) - 1) + [LAST_MILLISECONDS]
    save_atomically(frames[0], target, save_all=True, append_images=frames[1:], duration=durations, loop=0)
