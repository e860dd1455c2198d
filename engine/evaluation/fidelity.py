"""What is measured beside the Fréchet distance: torch-fidelity's own functions on features made here.

So every value equals torch-fidelity's for the same images, extractor and default parameters:

- ``kid``, Kernel Inception Distance (Bińkowski et al. 2018, arXiv 1801.01401): mean and deviation over 100
  subsets of 1,000; of sets that are smaller, over subsets as large as the smaller one.
- ``isc``, Inception Score (Salimans et al. 2016, arXiv 1606.03498): mean and deviation over 10 parts.
- ``precision`` and ``recall`` (Kynkäänniemi et al. 2019, arXiv 1904.06991), of 3 nearest neighbours.

``fid_infinity`` (Chong & Forsyth 2020, arXiv 1911.07023) is of this module: torch-fidelity has none.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.evaluation.frechet import Moments, distance

ISC_ROWS = FID_INF_ROWS = 50_000
"""Logits and features held at most, the first drawn: what isc and fid_inf are measured on."""
FIT_SIZES = 15
FIT_SEED = 2020
NEIGHBOURS, ISC_PARTS, KID_SUBSETS, KID_SUBSET = 3, 10, 100, 1000  # torch-fidelity's defaults


def subset_size(generated: int, real: int) -> int:
    """Of the subsets that kid is a mean over."""
    return min(KID_SUBSET, generated, real)


def kid(generated: Tensor, real: Tensor) -> tuple[float, float]:
    """Mean and standard deviation over the subsets, of features N,d and M,d on the CPU."""
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

    size = subset_size(len(generated), len(real))
    found = kid_features_to_metric(generated, real, kid_subset_size=size, verbose=False)
    return found[KEY_METRIC_KID_MEAN], found[KEY_METRIC_KID_STD]


def isc(logits: Tensor) -> tuple[float, float]:
    """Mean and standard deviation over the parts, of logits N,K on the CPU; N at least 10."""
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

    found = isc_features_to_metric(logits)
    return found[KEY_METRIC_ISC_MEAN], found[KEY_METRIC_ISC_STD]


def precision_recall(generated: Tensor, real: Tensor) -> tuple[float, float]:
    """Share of the generated among the real, and of the real among the generated; features N,d and M,d on the
    CPU, both of more than 3 rows. Holds matrices of N×M, N×N and M×M distances, one at a time."""
    from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

    found = prc_features_to_metric(generated, real, verbose=False)
    return found[KEY_METRIC_PRECISION], found[KEY_METRIC_RECALL]


def fit_sizes(count: int, dims: int) -> list[int]:
    """Sizes of the subsets that FID∞ is fitted over: from a tenth of ``count`` to all of it, evenly.

    The distance is linear in 1/N only where the covariance has full rank, so the smallest has twice as many
    vectors as dimensions, as far as half of all allows. For 50,000 Inception features: 5,000, as published.
    """
    smallest = max(2, count // 10, min(2 * dims, count // 2))
    return sorted({int(size) for size in np.linspace(smallest, count, FIT_SIZES)})


def fid_infinity(generated: Tensor, real: Moments) -> float:
    """Where the Fréchet distance tends as the number of images grows: the intercept of a line through its
    values at random subsets of the features N,d (a fixed choice), against 1/N. NaN when one is not finite."""
    generator = torch.Generator().manual_seed(FIT_SEED)
    sizes = fit_sizes(*generated.shape)
    values = []
    for size in sizes:
        chosen = torch.randperm(len(generated), generator=generator)[:size]
        values.append(distance(Moments.of(generated[chosen]), real))
    if not np.isfinite(values).all():
        return float("nan")
    return float(np.polynomial.Polynomial.fit(1 / np.array(sizes), values, 1).convert().coef[0])
