"""Figures that tell a sick run from a healthy one: tensors in, numbers out.

Images are compared as ``thumbnails`` and, where an extractor is at hand, as its features. Vectors are float32 N,D.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

THUMBNAIL = 16
NEIGHBOURS = 3


def thumbnails(images: Tensor) -> Tensor:
    """uint8 N,C,H,W -> N,D in [0,1]: at most 16×16 pixels, so that a distance is not one of the grain's."""
    pixels = images.float() / 255
    height, width = pixels.shape[-2:]
    size = (min(height, THUMBNAIL), min(width, THUMBNAIL))
    if size != (height, width):
        pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    return pixels.flatten(1)


def spread(vectors: Tensor, labels: Tensor | None = None) -> float:
    """Root of the variances' sum: how far the vectors lie from their mean, or from the mean of their label (int64 N).

    0 where no two share a label.
    """
    vectors = vectors.double()
    groups = [vectors] if labels is None else [vectors[labels == label] for label in labels.unique()]
    free = len(vectors) - len(groups)
    if free < 1:
        return 0.0
    return float(sum((group - group.mean(0)).square().sum() for group in groups) / free) ** 0.5


def contrast(vectors: Tensor) -> float:
    """Mean over the images of the standard deviation within each."""
    return float(vectors.double().std(1).mean())


def nearest(vectors: Tensor, among: Tensor) -> Tensor:
    """Distance of each to the nearest of the others: N."""
    return torch.cat([torch.cdist(chunk, among).min(1).values for chunk in vectors.split(256)])


def nearest_other(vectors: Tensor) -> Tensor:
    """Distance of each to the nearest of the rest: N."""
    distances = torch.cdist(vectors, vectors)
    return distances.fill_diagonal_(float("inf")).min(1).values


def precision_and_recall(generated: Tensor, real: Tensor) -> tuple[float, float]:
    """Improved precision and recall with three neighbours (Kynkäänniemi et al. 2019), by torch-fidelity."""
    from torch_fidelity.metric_prc import calculate_precision_recall_full  # here: it imports half of itself

    return calculate_precision_recall_full(generated, real, NEIGHBOURS)


def share(part: float, whole: float) -> float:
    """``part / whole``; 1 where there is nothing to compare with."""
    return part / whole if whole > 0 else 1.0


def told_by_label(vectors: Tensor, labels: Tensor) -> float:
    """The share of the vectors' variance that lies between the labels, 0…1, less what chance alone puts there.

    ``labels``: int64 N. ε² of Kelley (1935), the unbiased form of the correlation ratio.
    """
    vectors = vectors.double()
    total = (vectors - vectors.mean(0)).square().sum()
    groups = [vectors[labels == label] for label in labels.unique()]
    within = torch.stack([(group - group.mean(0)).square().sum() for group in groups]).sum()
    free = len(vectors) - len(groups)
    if free < 1 or total <= 0:
        return 0.0
    return max(0.0, float(1 - (within / free) / (total / (len(vectors) - 1))))
