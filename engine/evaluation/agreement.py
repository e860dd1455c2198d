"""How far predictions agree with labels: classes, or attributes in one-hot groups."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.recipes.labels import group_ranges


def predicted_attributes(logits: Tensor, groups: Sequence[int] = ()) -> Tensor:
    """N,A logits -> N,A of 0 and 1: the largest of each group, or, of attributes that stand alone, the positive."""
    predicted = torch.zeros_like(logits)
    for part in group_ranges(groups, logits.shape[1]):
        columns = slice(part.start, part.stop)
        if len(part) == 1:
            predicted[:, columns] = (logits[:, columns] > 0).to(logits.dtype)
        else:
            predicted[:, columns].scatter_(1, logits[:, columns].argmax(1, keepdim=True), 1)
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
