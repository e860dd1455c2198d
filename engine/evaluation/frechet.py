"""Fréchet distance between two Gaussians fitted to features, and the moments it is computed from.

d² = |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½  (Dowson & Landau 1982; Heusel et al. 2017 for images).

With Σ = FᵀF, the last trace is the sum of the singular values of F₁F₂ᵀ, or of the square roots of the eigenvalues
of the symmetric F₁Σ₂F₁ᵀ. This avoids the eigenvalues of the unsymmetric Σ₁Σ₂, which are slower and, for singular
covariances, less exact. With N ≤ d samples the centred features, divided by √(N − 1), are F itself: an N×d matrix.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


class Moments:
    """Mean and covariance of a stream of feature vectors, in float64.

    Up to ``dims`` vectors are kept themselves, which makes the distance exact and fast for small samples; after that,
    only their sums. Batches are merged by their centred scatter matrices (Chan, Golub & LeVeque 1979), so that a large
    mean costs no precision.
    """

    def __init__(self, dims: int):
        self.dims = dims
        self._rows: list[Tensor] = []
        self._kept = 0
        self._count = 0
        self._mean: Tensor | None = None
        self._scatter: Tensor | None = None
        self._lower: Array | None = None

    @classmethod
    def of(cls, features: Tensor | Iterable[Tensor]) -> Moments:
        """Moments of features N,d, or of batches of them."""
        batches = [features] if isinstance(features, Tensor) else list(features)
        moments = cls(batches[0].shape[1])
        for batch in batches:
            moments.update(batch)
        return moments

    @classmethod
    def from_statistics(cls, mean: Array, covariance: Array, count: int) -> Moments:
        """Moments of ``count`` vectors with this mean (d) and unbiased covariance (d,d)."""
        moments = cls(len(mean))
        moments._count = count
        moments._mean = torch.from_numpy(np.array(mean, dtype=np.float64))
        moments._scatter = torch.from_numpy(np.array(covariance, dtype=np.float64)) * (count - 1)
        return moments

    @property
    def count(self) -> int:
        return self._kept + self._count

    def update(self, features: Tensor) -> None:
        """Add features n,d of any float type, on any device. The sums stay there; the device is not synchronised.

        Raises ValueError for another shape.
        """
        if features.dim() != 2 or features.shape[1] != self.dims:
            raise ValueError(f"expected features of shape N,{self.dims}, not {tuple(features.shape)}")
        if not len(features):
            return
        if features.device.type == "mps":  # has no float64
            features = features.cpu()
        self._rows.append(features.detach().clone())
        self._kept += len(features)
        if self._scatter is not None or self._kept > self.dims:
            self._fold()

    def merge(self, other: Moments) -> None:
        """Add the vectors that ``other`` has seen."""
        for rows in other._rows:
            self.update(rows)
        if other._mean is not None and other._scatter is not None:
            self._fold()
            self._absorb(other._count, other._mean, other._scatter)

    def cpu(self) -> Moments:
        """The same on the CPU."""
        copy = Moments(self.dims)
        copy._rows, copy._kept, copy._count = [rows.cpu() for rows in self._rows], self._kept, self._count
        copy._mean = None if self._mean is None else self._mean.cpu()
        copy._scatter = None if self._scatter is None else self._scatter.cpu()
        return copy

    @property
    def mean(self) -> Array:
        """Shape d. Raises ValueError for fewer than 2 vectors."""
        return self._statistics()[0]

    @property
    def covariance(self) -> Array:
        """Unbiased (divided by N − 1), shape d,d. Raises ValueError for fewer than 2 vectors."""
        return self._statistics()[1]

    def factor(self) -> Array | None:
        """F of shape N,d with FᵀF the covariance, or None when the vectors are no longer kept."""
        if self._scatter is not None or self.count < 2:
            return None
        rows = torch.cat([r.double() for r in self._rows]).cpu().numpy()
        return (rows - rows.mean(axis=0)) / np.sqrt(self.count - 1)

    def lower_factor(self) -> Array | None:
        """Lower triangular L of shape d,d with LLᵀ the covariance, or None where that is singular or not finite.

        It is kept: the real images are compared with again and again.
        """
        import scipy.linalg  # imported here: it delays the start of a trainer

        if self._lower is None:
            with contextlib.suppress(np.linalg.LinAlgError, ValueError):
                self._lower = scipy.linalg.cholesky(self.covariance, lower=True, overwrite_a=True)
        return self._lower

    def _statistics(self) -> tuple[Array, Array]:
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 vectors, not {self.count}")
        if self._scatter is None or self._mean is None:
            rows = torch.cat([r.double() for r in self._rows]).cpu().numpy()
            return rows.mean(axis=0), np.atleast_2d(np.cov(rows, rowvar=False))
        return self._mean.cpu().numpy(), self._scatter.cpu().numpy() / (self._count - 1)

    def _fold(self) -> None:
        if not self._rows:
            return
        rows = torch.cat([r.double() for r in self._rows])
        self._rows, self._kept = [], 0
        mean = rows.mean(dim=0)
        centred = rows - mean
        self._absorb(len(rows), mean, centred.T @ centred)

    def _absorb(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        self._lower = None
        if self._mean is None or self._scatter is None:
            self._count, self._mean, self._scatter = count, mean.clone(), scatter.clone()
            return
        mean, scatter = mean.to(self._mean.device), scatter.to(self._mean.device)
        total = self._count + count
        delta = mean - self._mean
        self._scatter += scatter + torch.outer(delta, delta) * (self._count * count / total)
        self._mean += delta * (count / total)
        self._count = total


def distance(a: Moments, b: Moments) -> float:
    """Fréchet distance of two sets of features, by the cheapest exact formula. NaN when a feature is not finite."""
    fa, fb = a.factor(), b.factor()
    if fa is not None and fb is not None:
        trace, traces = _trace_of_factors(fa, fb), np.sum(fa * fa) + np.sum(fb * fb)
    elif fa is not None:
        trace, traces = _trace_beside(fa, b), np.sum(fa * fa) + np.trace(b.covariance)
    elif fb is not None:
        trace, traces = _trace_beside(fb, a), np.sum(fb * fb) + np.trace(a.covariance)
    else:
        return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    return _assemble(a.mean - b.mean, traces, trace)


def frechet_distance(mu1: Array, sigma1: Array, mu2: Array, sigma2: Array) -> float:
    """Fréchet distance of two Gaussians with means d and covariances d,d, which may be singular; in float64.

    Raises ValueError when the shapes do not match.
    """
    mu1, mu2 = np.asarray(mu1, dtype=np.float64), np.asarray(mu2, dtype=np.float64)
    sigma1, sigma2 = np.asarray(sigma1, dtype=np.float64), np.asarray(sigma2, dtype=np.float64)
    if mu1.ndim != 1 or mu1.shape != mu2.shape or not sigma1.shape == sigma2.shape == mu1.shape * 2:
        shapes = (mu1.shape, sigma1.shape, mu2.shape, sigma2.shape)
        raise ValueError(f"means and covariances of shapes {shapes} do not belong together")
    return _assemble(mu1 - mu2, np.trace(sigma1) + np.trace(sigma2), trace_sqrt_product(sigma1, sigma2))


def trace_sqrt_product(sigma1: Array, sigma2: Array) -> float:
    """tr (Σ₁Σ₂)^½ of two covariances d,d. NaN when a value is not finite."""
    if not (np.isfinite(sigma1).all() and np.isfinite(sigma2).all()):
        return float("nan")
    for one, other in ((sigma1, sigma2), (sigma2, sigma1)):
        with contextlib.suppress(np.linalg.LinAlgError):  # raised when ``one`` is singular
            return _sum_of_roots(_between_cholesky(one, other))
    return _trace_of_factor(_root(sigma1), sigma2)


def _between_cholesky(sigma1: Array, sigma2: Array) -> Array:
    """Lower triangle of LᵀΣ₂L with Σ₁ = LLᵀ, which has the eigenvalues of Σ₁Σ₂. Raises LinAlgError for singular Σ₁.

    LAPACK's sygst needs a quarter of the operations of two general products.
    """
    import scipy.linalg  # imported here: it delays the start of a trainer, and only large samples need it

    lower = scipy.linalg.cholesky(sigma1, lower=True, check_finite=False)
    (sygst,) = scipy.linalg.get_lapack_funcs(("sygst",), (sigma2, lower))
    product, info = sygst(sigma2, lower, itype=2, lower=1)
    if info != 0:
        raise np.linalg.LinAlgError(f"sygst failed with code {info}")
    return product


def _sum_of_roots(symmetric: Array) -> float:
    """Σ √λ of a symmetric matrix given by its lower triangle; eigenvalues that rounding made negative count as 0."""
    return float(np.sqrt(np.linalg.eigvalsh(symmetric, UPLO="L").clip(min=0)).sum())


def _assemble(gap: Array, traces: float, trace: float) -> float:
    """|gap|² + traces − 2 trace, but not negative by rounding. NaN stays NaN."""
    return float(np.maximum(gap @ gap + traces - 2 * trace, 0.0))


def _root(sigma: Array) -> Array:
    """F of shape r,d with FᵀF = Σ of rank r; eigenvalues within rounding of zero are left out."""
    values, vectors = np.linalg.eigh(sigma)
    real = values > max(values[-1], 0.0) * len(values) * np.finfo(np.float64).eps
    return (vectors[:, real] * np.sqrt(values[real])).T


def _trace_beside(factor: Array, other: Moments) -> float:
    """Σ √λ of F Σ Fᵀ = (FL)(FL)ᵀ with Σ = LLᵀ of ``other``: two triangular products are half of two general ones."""
    lower = other.lower_factor() if np.isfinite(factor).all() else None
    if lower is None:
        return _trace_of_factor(factor, other.covariance)
    from scipy.linalg import get_blas_funcs

    trmm, syrk = get_blas_funcs(("trmm", "syrk"), (lower, factor))
    return _sum_of_roots(syrk(1.0, trmm(1.0, lower, factor.T, lower=1, trans_a=1), trans=1, lower=1))


def _trace_of_factor(factor: Array, sigma: Array) -> float:
    """Σ √λ of F Σ Fᵀ."""
    product = factor @ sigma @ factor.T
    return _sum_of_roots(product) if np.isfinite(product).all() else float("nan")


def _trace_of_factors(one: Array, other: Array) -> float:
    """The nuclear norm of F₁F₂ᵀ."""
    product = one @ other.T
    if not np.isfinite(product).all():
        return float("nan")
    return float(np.linalg.svd(product, compute_uv=False).sum())
