"""A run's checkpoint, ready to sample from."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import torch
from torch import Tensor

from engine import devices
from engine.data.conditions import Conditions
from engine.data.dataset import DataError, open_dataset
from engine.methods import Method
from engine.methods.building import build_method
from engine.recipes.recipe import MissingData, Recipe, RecipeError, UnknownRecipe, load
from engine.runs.directory import CheckpointChoice, RunDir
from engine.training import checkpoint
from engine.training.checkpoint import CheckpointError, NoSuchStep


@dataclass(frozen=True)
class Trained:
    run: RunDir
    recipe: Recipe
    method: Method
    conditions: Conditions
    device: torch.device
    which: CheckpointChoice
    step: int
    images: int

    @cached_property
    def training_images(self) -> Tensor:
        """What it was trained on: uint8 N,C,H,W. Leaves with 4 where that is not here or cannot be read."""
        try:
            return open_dataset(self.recipe.data).train.images
        except (MissingData, DataError) as error:
            leave(str(error), 4)


def load_trained(run: RunDir, device: str = "auto", which: CheckpointChoice | None = None) -> Trained:
    """The best checkpoint, or the last where none was scored, with the precision it was trained in.

    Raises CheckpointError, RecipeError or DeviceError, each with a sentence for a person.
    """
    recipe = load(run.recipe_path)
    chosen = devices.choose_device(device)
    devices.set_up(chosen)
    which = which or ("best" if checkpoint.exists(run, "best") else "last")
    weights, state = checkpoint.load(run, which)
    conditions = Conditions.of(state["conditions"])
    method = build_method(recipe, chosen, conditions)
    method.load_weights(weights)
    method.load_state(state["method"])
    method.precision = state["precision"]["precision"]
    return Trained(run, recipe, method, conditions, chosen, which, state["step"], state["images"])


def or_exit(run: RunDir, device: str, which: CheckpointChoice | None) -> Trained:
    """``load_trained`` for a command: a sentence on stderr and the command line's exit code."""
    try:
        return load_trained(run, device, which)
    except (RecipeError, UnknownRecipe) as error:
        leave(str(error), 2)
    except NoSuchStep as error:
        leave(str(error), 3)
    except (CheckpointError, devices.DeviceError) as error:
        leave(str(error), 4)


def changed_or_exit(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """The recipe with a command's options in place, by dotted key; those that are None were not given."""
    given = {key: value for key, value in options.items() if value is not None}
    try:
        return recipe.with_values(given) if given else recipe
    except RecipeError as error:
        leave(error.one_line, 2)


@contextmanager
def enough_memory(device: str) -> Iterator[None]:
    """Leaves with 4 and a sentence where the device's memory is full."""
    try:
        yield
    except torch.OutOfMemoryError:
        where = "the GPU" if device == "auto" else device
        leave(
            f"{where} has no memory left for this: ask for fewer images, or draw on the CPU (--device cpu)", 4
        )


def give_back_memory() -> None:
    """Have the GPU's memory that is not in use free again, for whoever trains there."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class Left(SystemExit):
    """The end of a command, with what was said on stderr."""

    def __init__(self, sentence: str, code: int):
        super().__init__(code)
        self.sentence = sentence


def leave(sentence: str, code: int) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise Left(sentence, code)
