"""Losses on images a run does not train on."""

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
    """The validation split's losses, always on the same images with the same noise.

    At most 2,048 images are looked at. The random numbers of training are left as they were.
    """

    def __init__(self, method: Validates, split: Split, batch_size: int, device: torch.device, train: Train):
        self.method = method
        self.device = device
        labels = None if split.labels is None else split.labels[:MOST_IMAGES]
        part = Split(split.images[:MOST_IMAGES], labels)
        self.batches = Batches(part, batch_size, device, 0, train.channels_last)

    def losses(self) -> Metrics:
        """Means over the split, by name, still on the device."""
        before = devices.rng_state(self.device)
        torch.manual_seed(SEED)
        try:
            found = [self.method.validate(self.batches.at(i)) for i in range(self.batches.steps_per_epoch)]
        finally:
            devices.set_rng_state(before, self.device)
        return {name: sum(_tensor(one[name]) for one in found) / len(found) for name in found[0]}


def _tensor(value: Tensor | float) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(float(value))
