"""scikit-learn's two photographs, read without importing scikit-learn, which takes a second."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("china.jpg", "flower.jpg")


@cache
def photographs() -> tuple[np.ndarray, ...]:
    """A pagoda and a dahlia, uint8 427,640,3 each (CC BY, see scikit-learn's README of its images)."""
    paths = [sklearn_file("images", name) for name in NAMES]
    if all(paths):
        return tuple(np.asarray(Image.open(path).convert("RGB")) for path in paths if path)
    from sklearn.datasets import load_sample_images

    return tuple(np.asarray(image) for image in load_sample_images().images)


def sklearn_file(*parts: str) -> Path | None:
    """A data file that ships with scikit-learn, or None if it is not where it is expected."""
    spec = find_spec("sklearn")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "datasets", *parts)
        if path.is_file():
            return path
    return None
