"""Pairs of domains with the same classes, for domain adaptation."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from engine.data.dataset import Dataset, Progress, read_dataset, require_folder, resize, with_images
from engine.settings.datasets.base import Pair


def load(settings: Pair, progress: Progress | None = None) -> Dataset:
    """Load the source domain with the target domain as its ``target``, both at 3×28×28.

    With ``supervision = "target"`` the target's own training images and labels take the place of the source.
    """
    require_folder(settings)
    domains = (read_dataset(domain, progress) for domain in settings.domain_settings())
    source, target = (_shaped(dataset, settings.shape) for dataset in domains)
    supervised = target if settings.supervision == "target" else source
    return replace(
        supervised,
        name=settings.dataset,
        target=target,
        fingerprint="",
        warnings=(*source.warnings, *target.warnings),
        notes=(*source.notes, *target.notes),
    )


def _shaped(dataset: Dataset, shape: tuple[int, int, int]) -> Dataset:
    """The data set resized to ``shape`` C,H,W, grey images repeated over the channels."""

    def images(given: Tensor) -> Tensor:
        sized = resize(given, shape[1:])
        return sized if sized.shape[1] == shape[0] else sized.expand(-1, shape[0], -1, -1).contiguous()

    return replace(with_images(dataset, images), fingerprint="")
