"""Loading the checkpoint of a run, and ending a command with a message where that fails."""

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
from engine.training.state import TrainingState


@dataclass(frozen=True)
class Trained:
    """A method with the weights of one checkpoint."""

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
        """The training images, uint8 N,C,H,W. Exits with 4 when they are missing or cannot be read."""
        try:
            return open_dataset(self.recipe.data).train.images
        except (MissingData, DataError) as error:
            exit_with(str(error), 4)


def load_trained(run: RunDir, device: str = "auto", which: CheckpointChoice | None = None) -> Trained:
    """Load a checkpoint, by default the best, or the last where nothing has been scored, in its training precision.

    Raises CheckpointError, RecipeError, UnknownRecipe or DeviceError, with a message for the user.
    """
    recipe = load(run.recipe_path, of_run=True)
    chosen = devices.choose_device(device)
    devices.set_up(chosen)
    which = which or checkpoint.default(run)
    weights, stored = checkpoint.load(run, which)
    state = TrainingState.from_stored(stored)
    conditions = Conditions.of(state.conditions)
    method = build_method(recipe, chosen, conditions)
    method.load_weights(weights)
    method.load_state(state.method)
    method.precision = state.precision["precision"]
    return Trained(run, recipe, method, conditions, chosen, which, state.step, state.images)


def load_or_exit(run: RunDir, device: str, which: CheckpointChoice | None) -> Trained:
    """``load_trained`` for a command: exits with a message and 2, 3 (no such step) or 4 on an error."""
    try:
        return load_trained(run, device, which)
    except (RecipeError, UnknownRecipe) as error:
        exit_with(str(error), 2)
    except NoSuchStep as error:
        exit_with(str(error), 3)
    except (CheckpointError, devices.DeviceError) as error:
        exit_with(str(error), 4)


def with_options_or_exit(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """The recipe with a command's options by dotted key; those that are None were not given. Exits with 2 when they
    are not valid."""
    given = {key: value for key, value in options.items() if value is not None}
    try:
        return recipe.with_values(given) if given else recipe
    except RecipeError as error:
        exit_with(error.one_line, 2)


@contextmanager
def enough_memory(
    device: str, remedy: str = "ask for fewer images, or draw on the CPU (--device cpu)"
) -> Iterator[None]:
    """Exit with 4 and a message, which ends with the ``remedy``, when the block runs out of memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not devices.is_out_of_memory(error):
            raise
        on_gpu = devices.ran_out_on_gpu(error)
        where = ("the GPU" if device == "auto" else device) if on_gpu else "the machine"
        exit_with(f"{where} has no memory left for this: {remedy}", 4)


def release_unused_memory() -> None:
    """Return unused GPU memory of torch's cache to the driver, for runs that train on that GPU."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class ExitWithMessage(SystemExit):
    """The end of a command, with the message that was printed to stderr."""

    def __init__(self, message: str, code: int):
        super().__init__(code)
        self.message = message


def exit_with(message: str, code: int) -> NoReturn:
    """Print a message to stderr and end the command with an exit code."""
    print(message, file=sys.stderr)
    raise ExitWithMessage(message, code)
