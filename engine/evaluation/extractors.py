"""Feature extractors: images in, features out, with everything a protocol must say about them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor

from engine.data.dataset import Dataset, Progress
from engine.settings import extractors as settings
from engine.settings import registry


class ExtractorError(Exception):
    """An extractor that cannot be had. The message is one sentence with the remedy."""


class Extractor(ABC):
    """Turns uint8 images into feature vectors on ``device``.

    ``hash`` is the first 8 hex digits of the sha256 of the weights file. ``classes`` or ``attributes`` names
    what ``logits`` predicts; empty when the extractor is no classifier.
    """

    name: str
    dims: int
    hash: str
    device: torch.device
    channels: int
    size: tuple[int, int]  # H, W of the images it sees
    interpolation: str  # how images of another size become that size
    classifies: str = ""  # the data set whose labels ``logits`` predicts
    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    batch: int = 256  # images embedded at once
    quick: bool = True  # whether some hundred images are embedded in a moment on a CPU

    @property
    def tells_classes(self) -> bool:
        """Whether ``logits`` are of classes, whatever data they belong to."""
        return bool(self.classes)

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """uint8 N,C,H,W on any device → float32 N,dims on ``device``."""

    def logits(self, images: Tensor) -> Tensor:
        """uint8 N,C,H,W → float32 N,K: of the classes, or of the attributes."""
        return self.features_and_logits(images)[1]

    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Both in one pass. Raises NotImplementedError when it has no logits."""
        raise NotImplementedError(f"{self.name} is no classifier")

    def resize(self, height: int, width: int) -> str:
        """What happens to the size of images of ``height``×``width``, in a protocol's words."""
        if (height, width) == self.size:
            return "none"
        return f"{self.interpolation} {self.size[0]}×{self.size[1]}"

    def prepare(self, images: Tensor) -> Tensor:
        """uint8 on the device with the channels the extractor takes: grey is repeated, colour averaged."""
        if images.dtype != torch.uint8 or images.dim() != 4:
            raise TypeError(f"extractors take uint8 N,C,H,W, not {images.dtype} of {images.dim()} axes")
        images = images.to(self.device, non_blocking=True)
        given = images.shape[1]
        if given == self.channels:
            return images
        if given == 1:
            return images.expand(-1, self.channels, -1, -1)
        if self.channels == 1 and given == 3:
            return images.float().mean(1, keepdim=True).round_().to(torch.uint8)
        raise ExtractorError(f"extractor {self.name} takes {self.channels}-channel images, not {given}-channel")


def load_extractor(
    name: str,
    device: torch.device | str = "cpu",
    weights: Path | None = None,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> Extractor:
    """The extractor called ``name``, ready on ``device``. ``weights``: another place for its weights file.

    A probe is taught the labels of ``dataset`` when it has not been yet; ``progress`` then counts the images.

    Raises ExtractorError when the name is unknown, the file is absent or damaged, or it is not the published
    one, which it need not be where ``weights`` says which. There is no fallback to another extractor: a score
    must say truly what made it.
    """
    chosen = registry.find("extractor", name)
    if chosen is None or not issubclass(chosen, settings.Extractor):
        raise ExtractorError(f"no extractor called {name!r}; known: {', '.join(registry.names('extractor'))}")
    described = chosen(extractor=name, weights=str(weights or ""))
    path = described.location()
    if path is None:
        raise ExtractorError(described.missing_message())
    if described.trained_here:
        if dataset is None:
            raise ExtractorError(f"extractor {name} is taught a data set's labels, and none was given")
        return registry.build(described, Extractor, dataset, torch.device(device), progress)
    return registry.build(described, Extractor, path, torch.device(device))


def unusable(path: Path, name: str, error: Exception) -> ExtractorError:
    """The file does not hold that extractor's weights; why is told in one line of what may be many."""
    said = " ".join(str(error).split())
    return ExtractorError(f"{path} does not hold the weights of {name}: {said[:200] or type(error).__name__}")


def read_weights(path: Path, sha256_prefix: str = "") -> tuple[bytes, str]:
    """The file's bytes and its hash, 8 hex digits; the bytes are checked before anybody parses them.

    Raises ExtractorError when it cannot be read or its sha256 does not begin with ``sha256_prefix``.
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
