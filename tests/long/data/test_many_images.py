"""A folder of as many images as CIFAR-10 has."""

from __future__ import annotations

import subprocess
import sys

DECODE = """
import re, sys
from pathlib import Path
import torch
from engine.data.dataset import open_dataset
from engine.settings.datasets.folders import ImageFolder

def most() -> int:  # getrusage tells the most of the process that started this one, too
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = most()
dataset = open_dataset(ImageFolder.model_validate({"path": sys.argv[1], "image_size": 32}))
print(len(dataset.train) + len(dataset.test), before, most())
"""
"""Prints the number of images, and KiB of memory before and after."""


def test_fifty_thousand_images_are_decoded_in_little_memory(tmp_path, cache, paint):
    paint(tmp_path / "seed", 50, size=(48, 48), suffix=".jpg")
    originals = [path.read_bytes() for path in sorted((tmp_path / "seed").iterdir())]
    folder = tmp_path / "many"
    for i in range(50_000):
        if i % 1000 == 0:
            (place := folder / f"{i:06d}").mkdir(parents=True)
        # Bytes after the end of a JPEG mean nothing to a decoder; they make each file's content its own.
        (place / f"{i}.jpg").write_bytes(originals[i % 50] + i.to_bytes(4, "big"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", DECODE, str(folder)], capture_output=True, text=True, timeout=500
    )
    count, before, after = map(int, done.stdout.split())
    assert count == 50_000
    assert after < 1 << 20, f"{after >> 10} MiB, {before >> 10} of them before any image"
