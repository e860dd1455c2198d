"""Statistics from which health signals are made: tensors in, numbers out.

Images are compared as ``thumbnails`` or as features of an extractor; both are vectors float32 N,D.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

THUMBNAIL = 16


def thumbnails(images: Tensor) -> Tensor:
    """uint8 N,C,H,W -> float32 N,D in [0,1]: images reduced to at most 16×16 pixels, so that noise does not dominate
    their distances."""
    pixels = images.float() / 255
    height, width = pixels.shape[-2:]
    size = (min(height, THUMBNAIL), min(width, THUMBNAIL))
    if size != (height, width):
        pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    return pixels.flatten(1)


def spread(vectors: Tensor, labels: Tensor | None = None) -> float:
    """Square root of the total variance of vectors N,D, around their mean or around the mean of their label (int64 N).

    0 when no two vectors share a label.
    """
    vectors = vectors.double()
    groups = [vectors] if labels is None else [vectors[labels == label] for label in labels.unique()]
    free = len(vectors) - len(groups)
    if free < 1:
        return 0.0
    return float(sum((group - group.mean(0)).square().sum() for group in groups) / free) ** 0.5


def contrast(vectors: Tensor) -> float:
    """Mean over the vectors of the standard deviation within each."""
    return float(vectors.double().std(1).mean())


def nearest(vectors: Tensor, among: Tensor) -> Tensor:
    """Euclidean distance of each of ``vectors`` N,D to the nearest of ``among`` M,D: float32 N."""
    return torch.cat([torch.cdist(chunk, among).min(1).values for chunk in vectors.split(256)])


def nearest_other(vectors: Tensor) -> Tensor:
    """Euclidean distance of each of ``vectors`` N,D to the nearest of the others: float32 N."""
    distances = torch.cdist(vectors, vectors)
    return distances.fill_diagonal_(float("inf")).min(1).values


def ratio(generated: float, real: float) -> float:
    """``generated / real``; 1 when ``real`` is 0, where nothing can be compared."""
    return generated / real if real > 0 else 1.0


def between_label_variance(vectors: Tensor, labels: Tensor) -> float:
    """Fraction of the variance of vectors N,D that lies between the labels (int64 N), 0…1, corrected for chance.

    This is ε² (Kelley 1935), the unbiased form of the correlation ratio η². 0 when no two vectors share a label.
    """
    vectors = vectors.double()
    total = (vectors - vectors.mean(0)).square().sum()
    groups = [vectors[labels == label] for label in labels.unique()]
    within = torch.stack([(group - group.mean(0)).square().sum() for group in groups]).sum()
    free = len(vectors) - len(groups)
    if free < 1 or total <= 0:
        return 0.0
    return max(0.0, float(1 - (within / free) / (total / (len(vectors) - 1))))
