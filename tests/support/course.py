"""The data of courses as it lies on people's disks: right names and layout, random pixels, fewer images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

HAIR = ("blonde", "orange", "brown", "black", "blue", "white")
EYES, FACE = ("brown", "blue", "green", "black"), ("African", "Asian", "Caucasian")
NAMES = (
    *(f"{colour}_hair" for colour in HAIR), *(f"{colour}_eyes" for colour in EYES), *FACE,
    "with_glasses", "without_glasses",
)  # fmt: skip
GROUPS = (6, 4, 3, 2)


def picture(path: Path, size: int, seed: int, mode: str = "RGB", side: int | None = None) -> None:
    """Write an image of random pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (side or size, size, 3) if mode == "RGB" else (side or size, size)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels, mode).save(path)


def faces(root: Path, train: int, validation: int) -> Path:
    """``face/train/00000.png`` … and ``face/val/38464.png`` …, 64×64."""
    for number in range(train):
        picture(root / "face" / "train" / f"{number:05}.png", 64, number)
    for number in range(38464, 38464 + validation):
        picture(root / "face" / "val" / f"{number:05}.png", 64, number)
    return root


def digits(root: Path, train: int = 60, validation: int = 30, unseen: int = 5) -> Path:
    """``digits/{mnistm,svhn,usps}``: ``data/*.png`` with ``train.csv``, ``val.csv``, and ``test.csv`` whose images are
    not given."""
    for domain, mode in (("mnistm", "RGB"), ("svhn", "RGB"), ("usps", "L")):
        folder = root / "digits" / domain
        start = 0
        for name, count in (("train", train), ("val", validation), ("test", unseen)):
            rows = ["image_name,label"]
            for number in range(start, start + count):
                rows.append(f"{number:05}.png,{number % 10 if name != 'test' else 0}")
                if name != "test":
                    picture(folder / "data" / f"{number:05}.png", 28, number, mode)
            (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
            start += count
    return root


def one_of_each(number: int) -> list[int]:
    """Fifteen attributes: the ``number``-th combination of one of each group."""
    row: list[int] = []
    for size in GROUPS:
        row += [int(place == number % size) for place in range(size)]
        number //= size
    return row


def cartoons(root: Path, count: int = 60) -> Path:
    """``selected_cartoonset100k``: ``images/*.png`` with ``cartoon_attr.txt`` beside."""
    folder = root / "selected_cartoonset100k"
    lines = [str(count), " ".join(NAMES)]
    for number in range(count):
        picture(folder / "images" / f"{number}.png", 128, number)
        lines.append(f"{number}.png {' '.join(map(str, one_of_each(number)))}")
    (folder / "cartoon_attr.txt").write_text("\n".join(lines) + "\n")
    return root


def conditions(path: Path, count: int = 144) -> Path:
    """A file of conditions to generate by: as ``cartoon_attr.txt``, without names of files."""
    rows = (" ".join(map(str, one_of_each(number))) for number in range(count))
    path.write_text("\n".join([str(count), " ".join(NAMES), *rows]) + "\n")
    return path
