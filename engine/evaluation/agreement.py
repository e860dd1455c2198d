"""How far predictions agree with labels: classes, or attributes in one-hot groups."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def predicted_attributes(logits: Tensor, groups: Sequence[int] = ()) -> Tensor:
    """N,A logits -> N,A of 0 and 1: the largest of each group, or, of attributes that stand alone, the positive."""
    predicted = torch.zeros_like(logits)
    start = 0
    for size in groups or (1,) * logits.shape[1]:
        part = logits[:, start : start + size]
        if size == 1:
            predicted[:, start] = (part[:, 0] > 0).to(logits.dtype)
        else:
            predicted[:, start : start + size].scatter_(1, part.argmax(1, keepdim=True), 1)
        start += size
    return predicted


def agreement(logits: Tensor, labels: Tensor, groups: Sequence[int] = ()) -> Tensor:
    """Per image, N: whether the class is right; or the share of the A attributes that are.

    ``labels``: int64 N, or N,A of 0 and 1.
    """
    if labels.dim() == 1:
        return (logits.argmax(1) == labels).float()
    return (predicted_attributes(logits, groups) == labels.to(logits.dtype)).float().mean(1)


def attribute_accuracy(logits: Tensor, requested: Tensor, groups: Sequence[int] = ()) -> tuple[float, float]:
    """(share of all attributes that are as requested, share of images where every one of them is)."""
    each = agreement(logits, requested, groups)
    return float(each.mean()), float((each == 1).float().mean())
