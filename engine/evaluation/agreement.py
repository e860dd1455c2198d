"""Agreement of predictions with labels: classes, or binary attributes, some of them in one-hot groups."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.recipes.labels import group_ranges


def predicted_attributes(logits: Tensor, groups: Sequence[int] = ()) -> Tensor:
    """Predict attributes, 0 or 1, from logits N,A: the largest of each one-hot group, and of the others each that is
    positive. ``groups`` are the sizes of consecutive one-hot groups."""
    predicted = torch.zeros_like(logits)
    for part in group_ranges(groups, logits.shape[1]):
        columns = slice(part.start, part.stop)
        if len(part) == 1:
            predicted[:, columns] = (logits[:, columns] > 0).to(logits.dtype)
        else:
            predicted[:, columns].scatter_(1, logits[:, columns].argmax(1, keepdim=True), 1)
    return predicted


def agreement(logits: Tensor, labels: Tensor, groups: Sequence[int] = ()) -> Tensor:
    """Agreement of each image, float32 N: 1 or 0 for a class, or the fraction of its A attributes that are right.

    ``labels``: int64 N of classes, or N,A of 0 and 1.
    """
    if labels.dim() == 1:
        return (logits.argmax(1) == labels).float()
    return (predicted_attributes(logits, groups) == labels.to(logits.dtype)).float().mean(1)


def attribute_accuracy(logits: Tensor, requested: Tensor, groups: Sequence[int] = ()) -> tuple[float, float]:
    """(fraction of all attributes that are as requested, fraction of images with all of them as requested)."""
    each = agreement(logits, requested, groups)
    return float(each.mean()), float((each == 1).float().mean())
