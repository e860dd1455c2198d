"""The training steps of a run: what every rank has and does alike, the leader and those that follow it."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.data.batches import Batches
from engine.data.conditions import Conditions
from engine.data.dataset import Dataset
from engine.methods import Metrics
from engine.methods.building import build_method
from engine.ranks import sharing
from engine.ranks.sharing import ALONE, Share
from engine.recipes.recipe import Recipe
from engine.training.recorder import TrainingFailed
from engine.training.state import TrainingState


class Steps:
    """The batches, the method with its nets, and how far it has come.

    A new one begins at step 0 with freshly initialised nets. Raises TrainingFailed when the data do not fit the model,
    or batches cannot be shared.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        conditions: Conditions,
        device: torch.device,
        share: Share = ALONE,
    ):
        self.share = share
        self.batches = _batches(recipe, dataset, device, share)
        self.total = recipe.steps_total(len(dataset.train))
        target = dataset.target
        self.method = build_method(
            recipe, device, conditions, self.total, self.batches.steps_per_epoch, dataset.train.images,
            None if target is None else target.train.images,
        )  # fmt: skip
        if getattr(recipe.model, "conditional", False) and not getattr(self.method, "conditional", True):
            raise TrainingFailed(
                f"the model is class-conditional, and the images of {recipe.dataset} have attributes in place of "
                "classes: choose data with classes, or an unconditional [model]"
            )
        self.step = 0
        self.epoch_loss = torch.zeros((), dtype=torch.float64, device=device)
        """Sum of the losses of the current epoch so far, and ``epoch_steps`` their number."""
        self.epoch_steps = 0

    @property
    def images(self) -> int:
        """Training images seen."""
        return self.step * self.batches.batch_size

    def buffers(self) -> list[Tensor]:
        """What a forward pass may change, such as BatchNorm's statistics."""
        return [buffer for net in self.method.nets.values() for buffer in net.buffers()]

    def take(self) -> Metrics:
        """Take one step. Returns the metrics of the whole batch, which are equal on all ranks."""
        with sharing.together(self.share):
            values = self.method.training_step(self.batches.at(self.step))
            values = sharing.average_metrics(values)
        self.step += 1
        self.epoch_loss += values["loss"]
        self.epoch_steps += 1
        if self.step % self.batches.steps_per_epoch == 0:
            self.method.end_epoch(self.epoch_loss / self.epoch_steps, values["loss"])
            self.epoch_loss.zero_()
            self.epoch_steps = 0
        return values

    def restore(self, state: TrainingState, weights: dict[str, dict[str, Tensor]]) -> None:
        """Go on from a checkpoint. The random state is the caller's."""
        self.method.load_weights(weights)
        self.method.load_state(state.method)
        self.method.state()  # what is made when it is asked for, as optimisers are, is made now and not in a step
        self.step, self.epoch_steps = state.step, state.epoch_steps
        self.epoch_loss.copy_(state.epoch_loss)


def require_labels(recipe: Recipe, conditions: Conditions) -> None:
    """Raise TrainingFailed when a conditional model would be trained on images without labels."""
    if getattr(recipe.model, "conditional", False) and not conditions:
        why = recipe.data.unlabelled_reason()
        raise TrainingFailed(
            f"the model is class-conditional, and the images of {recipe.dataset} have no classes"
            + (f" ({why})" if why else "")
            + ": choose data with classes, or an unconditional [model]"
        )


def _batches(recipe: Recipe, dataset: Dataset, device: torch.device, share: Share) -> Batches:
    try:
        batches = Batches(
            dataset,
            recipe.data.batch_size,
            device,
            recipe.train.seed,
            recipe.train.channels_last,
            augmentation=recipe.data,
            resident=recipe.data.resident,
            share=share,
        )
    except ValueError as error:
        raise TrainingFailed(str(error)) from None
    if getattr(recipe.model, "by_batch", False) and batches.smallest < 2:
        raise TrainingFailed(
            f"a batch of {recipe.dataset} has one image of a domain only, too few for BatchNorm: hold fewer "
            "images out, or add some"
        )
    return batches
