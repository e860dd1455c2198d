"""Training batches indexed from tensors on the device: no loader, no worker processes, no state to save."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.data.augmentation import augment
from engine.data.batch import Batch
from engine.data.dataset import Dataset, Split
from engine.data.seeding import generator
from engine.devices import indexed, send
from engine.settings.datasets.base import Data

_TARGET, _AUGMENT = 1, 2  # seed keys of the target domain's order and of augmentation


class Batches:
    """An endless, deterministic sequence of training batches.

    The order of epoch ``e`` depends on ``(seed, e)`` alone, and ``augmentation`` draws from ``(seed, step)``, on every
    device alike. So any batch can be had without those before it, and a resumed run needs no data state. The last,
    incomplete batch of an epoch is dropped; ``batch_size`` is at most the split's size. If the data set has a target
    domain, batches include its training images in an order of their own, without labels.

    Raises ValueError for a split without images.
    """

    def __init__(
        self,
        dataset: Dataset | Split,
        batch_size: int,
        device: torch.device | str,
        seed: int,
        channels_last: bool = True,
        augmentation: Data | None = None,
    ):
        source = dataset.train if isinstance(dataset, Dataset) else dataset
        target = dataset.target.train if isinstance(dataset, Dataset) and dataset.target else None
        if not len(source) or (target is not None and not len(target)):
            raise ValueError("a split without images cannot be trained on")
        self.device = indexed(device)
        self.augmentation = augmentation
        self._seed = seed
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        fit = _fits([source] if target is None else [source, target], self.device)
        store = self.device if fit else torch.device("cpu")
        self._source = _Stream(source.images, source.labels, batch_size, seed, (), store)
        self._target = (
            _Stream(target.images, None, batch_size, seed, (_TARGET,), store) if target is not None else None
        )
        self.batch_size = self._source.batch_size
        self.steps_per_epoch = self._source.steps_per_epoch
        self.smallest = min(s.batch_size for s in (self._source, self._target) if s is not None)
        """Images in a batch of the domain that has fewest."""

    def at(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        images, labels = self._source.at(step)
        target = None if self._target is None else self._target.at(step)[0]
        if labels is not None:
            labels = send(labels, self.device)
            labels = labels if labels.dtype == torch.int64 else labels.float()
        return Batch(
            self._ready(images, (step, _AUGMENT)),
            labels,
            None if target is None else self._ready(target, (step, _AUGMENT, _TARGET)),
        )

    def _ready(self, images: Tensor, key: tuple[int, ...]) -> Tensor:
        floats = augment(send(images, self.device), self.augmentation, (self._seed, *key))
        return floats.contiguous(memory_format=self._format)


class _Stream:
    """The batches of one split, as stored (uint8), epoch after epoch."""

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None,
        batch_size: int,
        seed: int,
        key: tuple[int, ...],
        store: torch.device,
    ):
        self.batch_size = min(batch_size, len(images))
        self.steps_per_epoch = len(images) // self.batch_size
        self._seed, self._key, self._store = seed, key, store
        self._images = images.to(store)
        self._labels = None if labels is None else labels.to(store)
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def at(self, step: int) -> tuple[Tensor, Tensor | None]:
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, send(self._permutation(epoch), self._store)
        chosen = self._order[position * self.batch_size : (position + 1) * self.batch_size]
        labels = None if self._labels is None else self._labels.index_select(0, chosen)
        return self._images.index_select(0, chosen), labels

    def _permutation(self, epoch: int) -> Tensor:
        sequence = np.random.SeedSequence(self._seed, spawn_key=(epoch, *self._key))
        return torch.randperm(len(self._images), generator=generator(sequence))


def _fits(splits: list[Split], device: torch.device) -> bool:
    """Whether the splits are kept on the device: always, unless they need more than half of a GPU's free memory."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return sum(split.images.numel() + 8 * len(split) for split in splits) < free // 2
