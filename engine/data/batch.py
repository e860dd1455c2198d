"""What a step is trained on, and what a net must know of it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One training batch. ``images`` N,C,H,W in [-1,1]; ``labels`` int64 N (classes), float32 N,A of 0 and 1
    (attributes) or None; ``target`` N,C,H,W: images of the other domain, where the data set has one. Those
    never have labels."""

    images: Tensor
    labels: Tensor | None = None
    target: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def first(self, n: int) -> Batch:
        """The first ``n`` images with what belongs to them."""
        return Batch(*(None if t is None else t[:n] for t in (self.images, self.labels, self.target)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class ImageSpec:
    """What a net must know of the data: C,H,W, the number of classes, the number of attributes (0: none).

    ``null_class``: one more label, ``classes`` itself, stands for none at all.
    """

    shape: tuple[int, int, int]
    classes: int = 0
    attributes: int = 0
    null_class: bool = False

    @property
    def labels(self) -> int:
        """How many different labels a net may be given."""
        return self.classes + self.null_class

    @property
    def condition_size(self) -> int:
        """A of a condition N,A: how many attributes, or else classes, images are asked for by."""
        return self.attributes or self.classes
