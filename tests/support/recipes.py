from pathlib import Path
from typing import Any

import pytest

from engine.recipes import recipe
from engine.recipes.recipe import Recipe
from engine.settings.datasets.published import FashionMNIST

RECIPE = """\
name = "small"
title = "A small one"
family = "diffusion"
[data]
dataset = "digits"
[model]
net = "unet"
channels = 16
[method]
name = "edm"
[optim]
lr = 1e-3
[schedule]
name = "plateau"
patience = 2
[train]
steps = 10
[sample]
sampler = "heun"
[quick]
train.steps = 3
"""

FEWER_PIXELS = {28: 16, 64: 32, 128: 64}


def fewer_pixels(recipe: Recipe) -> dict[str, Any]:
    """Smaller images for a denoiser or a VAE, as changes of its recipe; most of its time would go into their pixels."""
    side = recipe.data.resized_shape[1]
    if recipe.family not in ("diffusion", "vae") or side not in FEWER_PIXELS:
        return {}
    return {"data.image_size": FEWER_PIXELS[side]}


@pytest.fixture
def text() -> str:
    return RECIPE


@pytest.fixture
def problems():
    """Calls ``loads`` and returns the problems as text, which there must be."""

    def find(text: str, overrides=(), quick: bool = False) -> list[str]:
        with pytest.raises(recipe.RecipeError) as caught:
            recipe.loads(text, "r.toml", overrides, quick)
        return [str(problem) for problem in caught.value.problems]

    return find


@pytest.fixture
def no_fashion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fashion-MNIST is not on this machine."""
    monkeypatch.setattr(FashionMNIST, "candidates", classmethod(lambda cls: [tmp_path / "nothing"]))


@pytest.fixture
def fashion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Fashion-MNIST is on this machine, as far as file names tell."""
    folder = tmp_path / "fashion"
    folder.mkdir()
    for stem in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{stem}-ubyte").touch()
    monkeypatch.setattr(FashionMNIST, "candidates", classmethod(lambda cls: [folder]))
    return folder
