"""Statistics of real images in files that other programs write and read.

- ``.npy``: the features themselves, float N,d, such as the activations that a course gives in place of its images;
- ``.npz``: their mean ``mu``, d, and covariance ``sigma``, d,d (n - 1), as pytorch-fid and EDM (Karras et al. 2022)
  write them. The number of images is not in them.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.evaluation.frechet import Moments
from engine.runs.files import give_by_umask, write_atomically

SUFFIXES = (".npy", ".npz")
LARGEST = 1 << 32  # bytes


class StatisticsError(Exception):
    """A file of statistics that cannot be used. The message is one sentence."""


@dataclass(frozen=True)
class GivenStatistics:
    """``name`` is what protocols call the file: ``real.npz@1a2b3c4d``. ``features`` N,d are None, and ``count`` of the
    images 0, where the file has only their moments."""

    name: str
    moments: Moments
    features: Tensor | None
    count: int


def read_statistics(path: Path, dims: int) -> GivenStatistics:
    """Read a file of the statistics of features with ``dims`` dimensions. Raises StatisticsError."""
    try:
        if path.stat().st_size > LARGEST:
            raise StatisticsError(f"{path} is larger than {LARGEST >> 30} GiB: it is no file of statistics")
        content = path.read_bytes()
    except OSError as error:
        raise StatisticsError(f"cannot read {path}: {error.strerror or error}") from error
    name = f"{path.name}@{hashlib.sha256(content).hexdigest()[:8]}"
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return _of_features(path, name, loaded, dims)
        return _of_moments(path, name, loaded["mu"], loaded["sigma"], dims)
    except KeyError:
        raise StatisticsError(f"{path} has no arrays mu and sigma, as pytorch-fid and EDM write them") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise StatisticsError(f"{path} is no file of statistics (.npy or .npz): {reason}") from error


def _of_features(path: Path, name: str, rows: np.ndarray, dims: int) -> GivenStatistics:
    if rows.ndim != 2 or rows.shape[1] != dims or len(rows) < 2 or rows.dtype.kind != "f":
        raise StatisticsError(
            f"{path} holds {rows.dtype} {_shape(rows)}, not features of two images or more, with {dims} dimensions each"
        )
    if not np.isfinite(rows).all():
        raise StatisticsError(f"{path} has features that are not finite")
    features = torch.from_numpy(rows.astype(np.float32))
    return GivenStatistics(name, Moments.of(features), features, len(rows))


def _of_moments(path: Path, name: str, mean: np.ndarray, covariance: np.ndarray, dims: int) -> GivenStatistics:
    if mean.shape != (dims,) or covariance.shape != (dims, dims):
        raise StatisticsError(
            f"{path} has mu {_shape(mean)} and sigma {_shape(covariance)}, and the extractor has {dims} dimensions"
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise StatisticsError(f"{path} has statistics that are not finite")
    moments = Moments.from_statistics(
        mean.astype(np.float64), covariance.astype(np.float64), 2
    )  # any number does
    return GivenStatistics(name, moments, None, 0)


def write_statistics(path: Path, features: Tensor | None, moments: Moments) -> None:
    """Write ``features`` N,d to a .npy file, or ``moments`` to a .npz file, by the suffix. Raises OSError."""
    stream = io.BytesIO()
    if path.suffix == ".npy":
        assert features is not None, "a .npy file holds features"
        np.save(stream, features.numpy(), allow_pickle=False)
    else:
        np.savez_compressed(stream, mu=moments.mean, sigma=moments.covariance)
    write_atomically(path, stream.getvalue())
    give_by_umask(path)


def _shape(array: Any) -> str:
    return "×".join(map(str, array.shape)) or "a single number"
