"""Training batches indexed from tensors, on the device where they fit: no loader, no processes, no state to save."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.data.ahead import Ahead, Rows
from engine.data.augmentation import augment
from engine.data.batch import Batch
from engine.data.dataset import Dataset, Split
from engine.data.seeding import generator
from engine.devices import indexed, send
from engine.ranks.sharing import ALONE, Share
from engine.recipes.shares import unequal
from engine.settings.datasets.base import Data

_TARGET, _AUGMENT = 1, 2  # seed keys of the target domain's order and of augmentation


class Batches:
    """An endless, deterministic sequence of training batches.

    The order of epoch ``e`` depends on ``(seed, e)`` alone, and ``augmentation`` draws from ``(seed, step)``, on every
    device alike. So any batch can be had without those before it, and a resumed run needs no data state. The last,
    incomplete batch of an epoch is dropped; ``batch_size`` is at most the split's size. If the data set has a target
    domain, batches include its training images in an order of their own, without labels.

    ``resident``: whether all images are kept on the device; None: unless they need more than half of a GPU's free
    memory. Batches of others are fetched ahead.

    ``share``: the part of every batch that ``at`` gives. The other numbers are those of whole batches.

    Raises ValueError for a split without images, or for batches that cannot be shared equally.
    """

    def __init__(
        self,
        dataset: Dataset | Split,
        batch_size: int,
        device: torch.device | str,
        seed: int,
        channels_last: bool = True,
        augmentation: Data | None = None,
        resident: bool | None = None,
        share: Share = ALONE,
    ):
        source = dataset.train if isinstance(dataset, Dataset) else dataset
        target = dataset.target.train if isinstance(dataset, Dataset) and dataset.target else None
        if not len(source) or (target is not None and not len(target)):
            raise ValueError("a split without images cannot be trained on")
        self.device = indexed(device)
        self.augmentation = augmentation
        self.share = share
        self._seed = seed
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        if resident is None:
            resident = _fits([source] if target is None else [source, target], self.device)
        store = self.device if resident else torch.device("cpu")
        self._source = _Stream(source.images, source.labels, batch_size, seed, (), store)
        self._target = (
            _Stream(target.images, None, batch_size, seed, (_TARGET,), store) if target is not None else None
        )
        self.batch_size = self._source.batch_size
        self.steps_per_epoch = self._source.steps_per_epoch
        self.smallest = min(s.batch_size for s in (self._source, self._target) if s is not None)
        """Images in a batch of the domain that has fewest."""
        for stream in filter(None, (self._source, self._target)):
            if why := unequal(stream.batch_size, share.size, 2 * share.size):
                raise ValueError(why)
        self._ahead = None if resident else Ahead(self._rows, self.device)

    def at(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        if self._ahead is not None:
            images, *others = self._ahead.at(step)
        else:
            images, *others = (tensor.index_select(0, chosen) for tensor, chosen in self._rows(step))
        target = others.pop() if self._target is not None else None
        (labels,) = others or [None]
        if labels is not None:
            labels = labels if labels.dtype == torch.int64 else labels.float()
        return Batch(
            self._ready(images, (step, _AUGMENT)),
            labels,
            None if target is None else self._ready(target, (step, _AUGMENT, _TARGET)),
        )

    def _rows(self, step: int) -> Rows:
        """Images, labels if there are any, and images of the target domain if there is one, with a step's indices."""
        streams = [self._source, *([self._target] if self._target is not None else [])]
        return [(rows, self.share.rows(chosen)) for stream in streams for rows, chosen in stream.at(step)]

    def _ready(self, images: Tensor, key: tuple[int, ...]) -> Tensor:
        ready = augment(images, self.augmentation, (self._seed, *key), self.share)
        return ready.contiguous(memory_format=self._format)


class _Stream:
    """Which rows of one split, as stored (uint8), make the batches, epoch after epoch."""

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

    def at(self, step: int) -> Rows:
        """Images, and labels if there are any, with the indices of a step's."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, send(self._permutation(epoch), self._store)
        chosen = self._order[position * self.batch_size : (position + 1) * self.batch_size]
        return [(tensor, chosen) for tensor in (self._images, self._labels) if tensor is not None]

    def _permutation(self, epoch: int) -> Tensor:
        sequence = np.random.SeedSequence(self._seed, spawn_key=(epoch, *self._key))
        return torch.randperm(len(self._images), generator=generator(sequence))


def _fits(splits: list[Split], device: torch.device) -> bool:
    """Whether the splits are kept on the device: always, unless they need more than half of a GPU's free memory."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return sum(split.images.numel() + 8 * len(split) for split in splits) < free // 2
