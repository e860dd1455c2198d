"""Drawn cartoon faces with known attributes, kept in the image cache."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import numpy as np
import PIL

from engine.data import toon_drawing
from engine.data.dataset import Dataset, Progress, Split, resize
from engine.data.store import StoredImages, Writer, load_or_build
from engine.settings.datasets.embedded import ToonFaces

_SHAPE = (3, toon_drawing.SIZE, toon_drawing.SIZE)


def load(settings: ToonFaces, progress: Progress | None = None) -> Dataset:
    """Load 4,000 training and 1,000 test faces, uint8 N,3,128,128 (or ``image_size``), with 15 attributes."""
    train, test = settings.sizes["train"], settings.sizes["test"]
    stored = faces(train + test, settings.image_size or toon_drawing.SIZE, progress)
    labels = stored.arrays["attributes"]
    return Dataset(
        name=settings.dataset,
        train=Split(stored.images[:train], labels[:train]),
        test=Split(stored.images[train:], labels[train:]),
        attributes=settings.attributes,
        groups=settings.groups,
        fingerprint="" if settings.holds_out else stored.info["sha256"],
    )


def faces(count: int, size: int, progress: Progress | None = None) -> StoredImages:
    """The first ``count`` faces, uint8 count,3,size,size, with the array ``attributes``, uint8 count,15."""
    report = progress or (lambda done, total: None)

    def describe(writer: Writer) -> None:
        writer.describe({"attributes": np.stack([toon_drawing.one_hot(i) for i in range(count)])})

    def draw(writer: Writer) -> None:
        _draw(writer, count, report)
        describe(writer)

    def shrink(writer: Writer) -> None:
        whole = faces(count, toon_drawing.SIZE, progress)
        for chunk in whole.images.split(500):
            writer.add(resize(chunk, (size, size)).numpy())
        describe(writer)

    key = f"toonfaces-{toon_drawing.VERSION}-pillow{PIL.__version__}-{count}-{size}"
    build = draw if size == toon_drawing.SIZE else shrink
    return load_or_build(key, build, lambda: report(0, count))


def _draw(writer: Writer, count: int, report: Progress) -> None:
    """Draw all faces, half of them in a second process if there is a file that both can write."""
    if not writer.place:
        for i in range(count):
            writer.add(toon_drawing.draw(i))
            report(i + 1, count)
        return
    writer.reserve(count, _SHAPE)
    command = [sys.executable, "-P", "-m", toon_drawing.__name__, writer.place, "1", "2", str(count)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as other:
        try:
            for done in toon_drawing.write(writer.place, 0, 2, count):
                report(min(2 * done, count - 1), count)
            while other.poll() is None:
                report(count - 1, count)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    other.wait(0.1)
        finally:
            other.kill()
    if other.returncode:  # it could not start, or was killed
        for done in toon_drawing.write(writer.place, 1, 2, count):
            report(min(count // 2 + done, count - 1), count)
    report(count, count)
