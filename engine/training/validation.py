"""Losses on held-out images."""

from __future__ import annotations

import torch
from torch import Tensor

from engine import devices
from engine.data.batches import Batches
from engine.data.dataset import Split
from engine.methods import Metrics, Validates
from engine.settings.training import Train

MOST_IMAGES = 2048
SEED = 3_000_003


class Validator:
    """Computes the losses of the validation split, always on the same images with the same noise.

    At most 2,048 images are used. The state of torch's random number generators is left unchanged.
    """

    def __init__(self, method: Validates, split: Split, batch_size: int, device: torch.device, train: Train):
        self.method = method
        self.device = device
        labels = None if split.labels is None else split.labels[:MOST_IMAGES]
        part = Split(split.images[:MOST_IMAGES], labels)
        self.batches = Batches(part, batch_size, device, 0, train.channels_last)

    def losses(self) -> Metrics:
        """Means over the batches by name (``val_…``): scalars on the device."""
        before = devices.rng_state(self.device)
        torch.manual_seed(SEED)
        try:
            each = [self.method.validate(self.batches.at(i)) for i in range(self.batches.steps_per_epoch)]
        finally:
            devices.set_rng_state(before, self.device)
        return {name: sum(_tensor(losses[name]) for losses in each) / len(each) for name in each[0]}


def _tensor(value: Tensor | float) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(float(value))
