"""Training batches cut from tensors that live on the device: no loader, no processes, no state to save."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.data.dataset import Split, to_float


class Batches:
    """An endless, deterministic stream of training batches.

    Epoch ``e`` visits the split in an order that depends on ``(seed, e)`` alone, the same on every device,
    so batch number ``step`` is known without having drawn those before it: a resumed run needs no data
    state. The last, incomplete batch of an epoch is dropped; ``batch_size`` is capped to the split's size.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        device: torch.device | str,
        seed: int,
        channels_last: bool = True,
    ):
        if not len(split):
            raise ValueError("a split without images cannot be trained on")
        self.device = torch.device(device)
        self.batch_size = min(batch_size, len(split))
        self.steps_per_epoch = len(split) // self.batch_size
        self._count = len(split)
        self._seed = seed
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._store = self.device if _fits(split, self.device) else torch.device("cpu")
        self._images = split.images.to(self._store)
        self._labels = None if split.labels is None else split.labels.to(self._store)
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def at(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Batch number ``step``, from 0: float32 images B,C,H,W in [-1, 1] and int64 labels B or None."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._permutation(epoch).to(self._store)
        chosen = self._order[position * self.batch_size : (position + 1) * self.batch_size]
        images = self._send(self._images.index_select(0, chosen))
        labels = None if self._labels is None else self._send(self._labels.index_select(0, chosen))
        return to_float(images).contiguous(memory_format=self._format), labels

    def _permutation(self, epoch: int) -> Tensor:
        state = np.random.SeedSequence(self._seed, spawn_key=(epoch,)).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0] >> 1))
        return torch.randperm(self._count, generator=generator)

    def _send(self, tensor: Tensor) -> Tensor:
        if self._store == self.device:
            return tensor
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)


def _fits(split: Split, device: torch.device) -> bool:
    """Whether the split may live on the device: always, except on a GPU it would fill by half."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return split.images.numel() + 8 * len(split) < free // 2
