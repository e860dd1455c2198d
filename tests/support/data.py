"""Folders of generated images, and a cache of their own for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image


def shared_cache() -> Path:
    """The cache of processes that have no home, which a session of tests shares."""
    folder = Path(platformdirs.user_cache_dir("gentui"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache; where decoded images will be kept in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gentui" / "images"


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("GENTUI_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def paint():
    """Write images of random pixels: ``paint(folder, count, first=0, size=(12, 10), suffix=".png")``."""

    def write(folder: Path, count: int, first: int = 0, size: tuple[int, int] = (12, 10), suffix: str = ".png"):
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(first, first + count):
            pixels = np.random.default_rng(i).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i:04d}{suffix}")

    return write
