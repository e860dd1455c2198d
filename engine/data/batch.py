"""A training batch, and the specification of its images that nets are built for."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One training batch.

    ``images`` are N,C,H,W in [-1, 1]. ``labels`` are int64 N (classes), float32 N,A of 0 and 1 (attributes), or
    None. ``target`` N,C,H,W are unlabelled images of the target domain, if the data set has one.
    """

    images: Tensor
    labels: Tensor | None = None
    target: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, part: slice) -> Batch:
        """These images with their labels, and those in the same places of the target domain."""
        return Batch(*(None if t is None else t[part] for t in (self.images, self.labels, self.target)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class ImageSpec:
    """The images a net is built for: shape C,H,W and the numbers of classes and attributes (0: none).

    With ``null_class`` there is one more label, ``classes`` itself, for an unconditional pass.
    """

    shape: tuple[int, int, int]
    classes: int = 0
    attributes: int = 0
    null_class: bool = False

    @property
    def labels(self) -> int:
        """The number of different labels a net must embed."""
        return self.classes + self.null_class

    @property
    def condition_size(self) -> int:
        """A of a condition N,A: the number of attributes, or else of classes."""
        return self.attributes or self.classes
