"""Feature extractors: nets that map images to features, with what a protocol needs to know about them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor

from engine.data.dataset import Dataset, Progress, padded
from engine.devices import is_out_of_memory
from engine.runs.unpickling import in_words
from engine.settings import extractors as settings
from engine.settings import registry


class ExtractorError(Exception):
    """An extractor cannot be loaded. The message is one sentence with the remedy."""


class Extractor(ABC):
    """Maps images to feature vectors on ``device``.

    Images are N,C,H,W on any device: uint8, or float with values from 0 to 255 that were not rounded. ``hash`` is the
    first 8 hex digits of the sha256 of the weights file. ``classes`` or ``attributes`` are the names of the labels that
    ``logits`` predicts; both are empty when the extractor is no classifier.
    """

    name: str
    dims: int
    hash: str
    device: torch.device
    channels: int
    size: tuple[int, int]  # H, W of its input
    interpolation: str  # how images of another size are resized
    variant: str = ""  # of its preprocessing, where there are several
    classifies: str = ""  # the data set whose labels ``logits`` predicts
    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    batch: int = 256  # images embedded at once
    quick: bool = True  # whether a CPU embeds some hundred images in less than about a second

    @property
    def tells_classes(self) -> bool:
        """Whether ``logits`` predict classes, of this data set or another."""
        return bool(self.classes)

    @property
    def tells_labels(self) -> bool:
        """Whether it is a classifier: of classes, or of attributes."""
        return bool(self.classes or self.attributes)

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Images → float32 N,dims on ``device``."""

    def logits(self, images: Tensor) -> Tensor:
        """Images → float32 N,K, of the classes or the attributes. Raises NotImplementedError as below."""
        return self.features_and_logits(images)[1]

    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Both in one forward pass. Raises NotImplementedError when the extractor is no classifier."""
        raise NotImplementedError(f"{self.name} is no classifier")

    def resize(self, height: int, width: int) -> str:
        """How images of ``height``×``width`` are resized, in the words of a protocol; ``none`` if they are not."""
        if (height, width) == self.size:
            return "none"
        return f"{self.interpolation} {self.size[0]}×{self.size[1]}"

    def prepare(self, images: Tensor) -> Tensor:
        """Move images N,C,H,W to the device and match the channels: grey is repeated, colour averaged.

        Raises TypeError for other tensors, ExtractorError for numbers of channels that cannot be matched.
        """
        if images.dtype not in (torch.uint8, torch.float32) or images.dim() != 4:
            raise TypeError(
                f"extractors take uint8 or float32 N,C,H,W, not {images.dtype} of {images.dim()} axes"
            )
        images = images.to(self.device, non_blocking=True)
        given = images.shape[1]
        if given == self.channels:
            return images
        if given == 1:
            return images.expand(-1, self.channels, -1, -1)
        if self.channels == 1 and given == 3:
            grey = images.float().mean(1, keepdim=True)
            return grey if images.is_floating_point() else grey.round_().to(torch.uint8)
        raise ExtractorError(f"extractor {self.name} takes {self.channels}-channel images, not {given}-channel")


class Inside(Extractor):
    """An extractor of images with a border, which it does not see: that of the images inside."""

    def __init__(self, inner: Extractor, border: int):
        self._inner, self._border = inner, border
        self.name, self.dims, self.hash, self.device = inner.name, inner.dims, inner.hash, inner.device
        self.channels, self.size, self.interpolation = inner.channels, inner.size, inner.interpolation
        self.variant = inner.variant
        self.classifies, self.classes, self.attributes = inner.classifies, inner.classes, inner.attributes
        self.batch, self.quick = inner.batch, inner.quick

    def features(self, images: Tensor) -> Tensor:
        return self._inner.features(self._crop(images))

    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self._inner.features_and_logits(self._crop(images))

    def resize(self, height: int, width: int) -> str:
        return self._inner.resize(height - 2 * self._border, width - 2 * self._border)

    def _crop(self, images: Tensor) -> Tensor:
        border = self._border
        return images[:, :, border:-border, border:-border]


def load_extractor(
    name: str,
    device: torch.device | str = "cpu",
    weights: Path | None = None,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
    resize: str = "tf1",
) -> Extractor:
    """Load the extractor called ``name`` onto ``device``.

    ``weights`` is a file to use in place of the published weights, ``resize`` as ``evaluate.resize``. A probe learns
    the labels of ``dataset`` now, unless it is in the cache; ``progress`` then counts the images. Of images that
    ``dataset`` has padded, it sees no padding.

    Raises ExtractorError when the name is unknown, or the weights are missing, damaged or, without ``weights``, not
    the published ones. There is no fallback to another extractor, since scores depend on it.
    """
    if dataset is not None and dataset.border:
        inner = padded(dataset, -dataset.border)
        return Inside(load_extractor(name, device, weights, inner, progress, resize), dataset.border)
    chosen = registry.find("extractor", name)
    if chosen is None or not issubclass(chosen, settings.Extractor):
        raise ExtractorError(f"no extractor called {name!r}; known: {', '.join(registry.names('extractor'))}")
    if "resize" not in chosen.model_fields and resize != "tf1":
        raise ExtractorError(f"extractor {name} resizes images in one way only: leave evaluate.resize out")
    options = {"resize": resize} if "resize" in chosen.model_fields else {}
    described = chosen(extractor=name, weights=str(weights or ""), **options)
    path = described.location()
    if path is None:
        raise ExtractorError(described.missing_message())
    if described.trained_here:
        if dataset is None:
            raise ExtractorError(f"extractor {name} is taught a data set's labels, and none was given")
        return registry.build(described, Extractor, dataset, torch.device(device), progress)
    return registry.build(described, Extractor, path, torch.device(device))


def unusable(path: Path, name: str, error: Exception) -> ExtractorError:
    """The error for a file without that extractor's weights, with ``error`` shortened to one line.

    Raises ``error`` itself where it says that memory ran out: the file may be whole.
    """
    if is_out_of_memory(error):
        raise error
    return ExtractorError(f"{path} does not hold the weights of {name}: {in_words(error)}")


def read_weights(path: Path, sha256_prefix: str = "") -> tuple[bytes, str]:
    """Read (bytes, first 8 hex digits of their sha256) of a weights file, checked before anything parses it.

    Raises ExtractorError when it cannot be read, or when its sha256 does not begin with ``sha256_prefix``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ExtractorError(f"cannot read the weights {path}: {error.strerror or error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(sha256_prefix):
        raise ExtractorError(
            f"{path} is not the published file: its sha256 begins {digest[:8]}, not {sha256_prefix}; "
            "it was not loaded: remove it and download it again"
        )
    return content, digest[:8]
