"""Metrics beside the Fréchet distance, computed by torch-fidelity's functions on features extracted here.

Their values equal torch-fidelity's for the same images, extractor and default parameters:

- ``kid``, Kernel Inception Distance (Bińkowski et al. 2018, arXiv 1801.01401): mean and standard deviation over 100
  random subsets of 1,000; of smaller sets, over subsets of the size of the smaller one.
- ``isc``, Inception Score (Salimans et al. 2016, arXiv 1606.03498): mean and standard deviation over 10 parts.
- ``precision`` and ``recall`` (Kynkäänniemi et al. 2019, arXiv 1904.06991) with 3 nearest neighbours.

``fid_infinity`` (Chong & Forsyth 2020, arXiv 1911.07023) is implemented here: torch-fidelity does not have it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.evaluation.frechet import Moments, distance
from engine.methods.lazy_dynamo import import_on_demand

ISC_ROWS = FID_INF_ROWS = 50_000
"""Number of first images that isc and fid_inf are measured on at most."""
FIT_SIZES = 15
FIT_SEED = 2020
NEIGHBOURS, ISC_PARTS, KID_SUBSETS, KID_SUBSET = 3, 10, 100, 1000  # torch-fidelity's defaults


def subset_size(generated: int, real: int) -> int:
    """Size of the subsets that kid is a mean over, for so many generated and real images."""
    return min(KID_SUBSET, generated, real)


def kid(generated: Tensor, real: Tensor) -> tuple[float, float]:
    """KID of features N,d and M,d on the CPU: mean and standard deviation over the subsets."""
    import_on_demand()
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

    size = subset_size(len(generated), len(real))
    scores = kid_features_to_metric(generated, real, kid_subset_size=size, verbose=False)
    return scores[KEY_METRIC_KID_MEAN], scores[KEY_METRIC_KID_STD]


def isc(logits: Tensor) -> tuple[float, float]:
    """Inception Score of logits N,K on the CPU, N ≥ 10: mean and standard deviation over the parts."""
    import_on_demand()
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

    scores = isc_features_to_metric(logits)
    return scores[KEY_METRIC_ISC_MEAN], scores[KEY_METRIC_ISC_STD]


def precision_recall(generated: Tensor, real: Tensor) -> tuple[float, float]:
    """Precision (fraction of generated images within the real manifold) and recall (the reverse), each 0…1.

    Features N,d and M,d are on the CPU, N and M > 3. Needs memory for the distances of N×M, N×N and M×M pairs, one
    matrix at a time.
    """
    import_on_demand()
    from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

    scores = prc_features_to_metric(generated, real, verbose=False)
    return scores[KEY_METRIC_PRECISION], scores[KEY_METRIC_RECALL]


def fit_sizes(count: int, dims: int) -> list[int]:
    """Sizes of the subsets that FID∞ is fitted to: evenly spaced from a tenth of ``count`` to ``count``.

    The distance is linear in 1/N only where the covariance has full rank, so the smallest subset has at least twice
    as many vectors as dimensions, limited to half of all. For 50,000 Inception features it has 5,000, as published.
    """
    smallest = max(2, count // 10, min(2 * dims, count // 2))
    return sorted({int(size) for size in np.linspace(smallest, count, FIT_SIZES)})


def fid_infinity(generated: Tensor, real: Moments) -> float:
    """Fréchet distance extrapolated to infinitely many generated images.

    This is the intercept of a line fitted to the distances of random subsets of the features N,d over 1/size. The
    subsets are the same at every call. NaN when a feature is not finite.
    """
    generator = torch.Generator().manual_seed(FIT_SEED)
    sizes = fit_sizes(*generated.shape)
    values = []
    for size in sizes:
        chosen = torch.randperm(len(generated), generator=generator)[:size]
        values.append(distance(Moments.of(generated[chosen]), real))
    if not np.isfinite(values).all():
        return float("nan")
    return float(np.polynomial.Polynomial.fit(1 / np.array(sizes), values, 1).convert().coef[0])
