"""The arithmetic of a batch shared between ranks: N of them are the same experiment as one.

Every random number is drawn for the whole batch, on every rank alike, and then cut to the rank's own rows. So the
generators of all ranks stay in the state that one process would have, and a run can go on with any number of ranks.
Sums that a step needs of the whole batch (BatchNorm, losses, gradients) are summed over the ranks; all ranks get the
same bits. Outside ``together``, and with one rank, every function here does what torch does without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Share:
    """The part of a batch that this process computes: the ``rank``-th of ``size`` equal parts.

    ``joined`` batches follow one another in a tensor, and of each it is that part.
    """

    rank: int = 0
    size: int = 1
    joined: int = 1

    def rows(self, whole: Tensor) -> Tensor:
        """This rank's rows of a tensor with the rows of the whole batch, whose number ``size`` divides."""
        if self.joined > 1:
            return whole.unflatten(0, (self.joined, self.size, -1))[:, self.rank].flatten(0, 1)
        count = len(whole) // self.size
        return whole[self.rank * count : (self.rank + 1) * count]


ALONE = Share()
_current = ALONE  # not a context variable: autograd runs backward passes on threads of its own


def has_ranks() -> bool:
    """Whether this process is one of several that share a run."""
    return dist.is_available() and dist.is_initialized()


def current() -> Share:
    """The share of the step that is being taken; ``ALONE`` outside ``together``."""
    return _current


@contextmanager
def together(share: Share) -> Iterator[None]:
    """All ranks do what is inside at the same time and in the same order, each on the rows of its ``share``."""
    global _current
    before, _current = _current, share
    try:
        yield
    finally:
        _current = before


@contextmanager
def joined(batches: int) -> Iterator[None]:
    """Inside, tensors hold the rows of so many batches, one batch after the other."""
    with together(replace(_current, joined=batches)):
        yield


def draw(source: Callable[..., Tensor], count: int, *shape: int, **options: Any) -> Tensor:
    """``source(count, *shape, **options)`` for this rank's ``count`` rows, cut from a draw for the whole batch."""
    return _current.rows(source(count * _current.size, *shape, **options))


def draw_like(source: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """``source(rows)``, as ``torch.randn_like``, cut from a draw for the whole batch."""
    return source(rows) if _current.size == 1 else _current.rows(source(whole_like(rows)))


def whole_like(rows: Tensor) -> Tensor:
    """An empty tensor for the whole batch, laid out in memory as this rank's ``rows`` of it."""
    shape = (len(rows) * _current.size, *rows.shape[1:])
    channels_last = rows.dim() == 4 and rows.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return torch.empty(shape, dtype=rows.dtype, device=rows.device, memory_format=layout)


def gathered(rows: Tensor) -> Tensor:
    """The rows of all ranks, in order, without gradients."""
    if _current.size == 1:
        return rows
    rows = rows.detach().contiguous()
    parts = [torch.empty_like(rows) for _ in range(_current.size)]
    dist.all_gather(parts, rows)
    return torch.cat(parts)


class _Sum(torch.autograd.Function):
    """The sum over the ranks. Its derivative is the same sum, so that it can be differentiated again and again."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Sum.apply(gradients[0])  # type: ignore[return-value]


def mean(value: Tensor) -> Tensor:
    """The mean over the ranks of a tensor of equal shape; differentiable, as often as needed.

    What it gives counts in the loss of every rank, whose gradients are averaged: see ``average_gradients``.
    """
    return value if _current.size == 1 else _Sum.apply(value) / _current.size  # type: ignore[operator]


def std(values: Tensor) -> Tensor:
    """The standard deviation (divided by the number) of all values of the whole batch: a scalar, without gradients."""
    if _current.size == 1:
        return values.std(correction=0)
    values = values.detach()
    centre = mean(values.mean())
    return mean((values - centre).square().mean()).sqrt()


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace the gradients of each rank's rows, each of a mean over these, by those of the whole batch."""
    if _current.size == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= _current.size
    pieces = flat.split([gradient.numel() for gradient in gradients])
    torch._foreach_copy_(  # pyright: ignore[reportPrivateImportUsage]
        gradients, [piece.view(g.shape) for piece, g in zip(pieces, gradients, strict=True)]
    )


@torch.no_grad()
def average_metrics(metrics: Mapping[str, Tensor | float]) -> dict[str, Tensor | float]:
    """The metrics of the whole batch: of each scalar tensor its mean over the ranks. Numbers are equal on all."""
    tensors = {name: value for name, value in metrics.items() if isinstance(value, Tensor)}
    if _current.size == 1 or not tensors:
        return dict(metrics)
    values = torch.stack([value.detach().float().reshape(()) for value in tensors.values()])
    dist.all_reduce(values)
    return {**metrics, **dict(zip(tensors, values / _current.size, strict=True))}
