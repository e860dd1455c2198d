"""Feature extractors of scores: their properties, and where their weights are. Torch-free."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from engine.runs.paths import cache_dir
from engine.settings.datasets.base import data_root
from engine.settings.registry import Settings, find, register

SHIPPED_WEIGHTS = Path(__file__).resolve().parent.parent / "evaluation" / "weights"


PROBE, INCEPTION = "probe", "inception"
ALTERNATIVES = (
    "or score in the features of another with -o evaluate.extractor=NAME, name another file with "
    "-o evaluate.weights=FILE (gentui evaluate: --weights FILE), or train without scores with -o evaluate.times=0"
)


def untrainable_probe(dataset: str, why: str) -> str:
    """The message for a data set whose labels no probe can be trained on, for the reason ``why``."""
    return f"no probe can be taught {dataset}, for {why}: mend the labels, {ALTERNATIVES}"


class Extractor(Settings):
    """Base of the extractor settings. Class attributes describe it; a recipe names it and may name the file of its
    ``weights`` (empty: the one found on this machine)."""

    extractor: str
    weights: str = ""
    factory: ClassVar[str] = ""
    title: ClassVar[str] = ""
    dims: ClassVar[int] = 0  # length of a feature vector
    channels: ClassVar[int] = 1  # of the images it takes
    size: ClassVar[tuple[int, int]] = (0, 0)  # H, W of the images it takes
    classifies: ClassVar[str] = ""  # the data set whose labels it predicts, if any
    file: ClassVar[str] = ""  # name of its weights file
    sha256_prefix: ClassVar[str] = ""  # published hash of that file; empty: it ships with the engine
    trained_here: ClassVar[bool] = False  # on the data's own labels: there are no published weights

    def location(self) -> Path | None:
        """The file of weights that these settings read, or None if it is not on this machine."""
        if not self.weights:
            return type(self).locate()
        return Path(self.weights) if os.path.isfile(self.weights) else None  # noqa: PTH113

    def missing_message(self) -> str:
        """What is missing and what to do about it, if there is no ``location``."""
        if not self.weights:
            return type(self).remedy()
        what = "is a directory" if os.path.isdir(self.weights) else "is not there"  # noqa: PTH112
        return (
            f"the weights {self.weights} of extractor {self.extractor}: that file {what}; mend evaluate.weights"
        )

    @property
    def expected_sha256(self) -> str:
        """What the sha256 of the file must begin with; "" for a file that the user names."""
        return "" if self.weights else self.sha256_prefix

    @classmethod
    def predicts_classes(cls) -> bool:
        """Whether its logits are those of classes."""
        dataset = find("dataset", cls.classifies) if cls.classifies else None
        return bool(getattr(dataset, "classes", ()))

    @classmethod
    def candidates(cls) -> list[Path]:
        """Files that may hold its weights, the preferred first."""
        return [SHIPPED_WEIGHTS / cls.file]

    @classmethod
    def locate(cls) -> Path | None:
        """Its default file of weights, or None if it is not on this machine."""
        return next((path for path in cls.candidates() if os.path.isfile(path)), None)  # noqa: PTH113

    @classmethod
    def remedy(cls) -> str:
        """One sentence: what is missing and what to do about it."""
        return f"{cls.file} is missing from {SHIPPED_WEIGHTS}: reinstall gentui"


@register("extractor", "digits-cnn")
class DigitsCNN(Extractor):
    """Small convolutional classifier of scikit-learn's digits at 8×8."""

    extractor: str = "digits-cnn"
    factory: ClassVar[str] = "engine.evaluation.classifiers:load_digits_cnn"
    title: ClassVar[str] = "classifier of digits, 8×8"
    dims: ClassVar[int] = 64
    size: ClassVar[tuple[int, int]] = (8, 8)
    classifies: ClassVar[str] = "digits"
    file: ClassVar[str] = "digits-cnn.safetensors"


@register("extractor", "fashion-cnn")
class FashionCNN(Extractor):
    """Small convolutional classifier of Fashion-MNIST at 28×28."""

    extractor: str = "fashion-cnn"
    factory: ClassVar[str] = "engine.evaluation.classifiers:load_fashion_cnn"
    title: ClassVar[str] = "classifier of Fashion-MNIST, 28×28"
    dims: ClassVar[int] = 128
    size: ClassVar[tuple[int, int]] = (28, 28)
    classifies: ClassVar[str] = "fashion-mnist"
    file: ClassVar[str] = "fashion-cnn.safetensors"


@register("extractor", "digitsm-cnn")
class DigitsMCNN(Extractor):
    """Small convolutional classifier of digits blended over photographs at 28×28."""

    extractor: str = "digitsm-cnn"
    factory: ClassVar[str] = "engine.evaluation.classifiers:load_digitsm_cnn"
    title: ClassVar[str] = "classifier of digits over photographs, 28×28"
    dims: ClassVar[int] = 128
    channels: ClassVar[int] = 3
    size: ClassVar[tuple[int, int]] = (28, 28)
    classifies: ClassVar[str] = "digits-m"
    file: ClassVar[str] = "digitsm-cnn.safetensors"


@register("extractor", "lenet")
class LeNet(Extractor):
    """LeNet for colour digits at 28×28 whose weights are given by path: 44,674 parameters.

    Two 5×5 convolutions with biases, 3 → 6 → 16 channels, each with ReLU and 2×2 max pooling; linear layers
    256 → 128 → 64 → 10. Its features are the 64 values before the last layer.
    """

    extractor: str = "lenet"
    factory: ClassVar[str] = "engine.evaluation.lenet:load_lenet"
    title: ClassVar[str] = "LeNet of colour digits, 28×28, weights given by path"
    dims: ClassVar[int] = 64
    channels: ClassVar[int] = 3
    size: ClassVar[tuple[int, int]] = (28, 28)
    classifies: ClassVar[str] = "mnist-m"
    file: ClassVar[str] = "Classifier.pth"

    @classmethod
    def candidates(cls) -> list[Path]:
        return [data_root() / cls.file]

    @classmethod
    def remedy(cls) -> str:
        return (
            f"extractor lenet needs {cls.file}, the classifier that comes with the course's data, which is not on "
            f"this machine: put it into {data_root()}"
        )


@register("extractor", "toon-cnn")
class ToonCNN(Extractor):
    """Small convolutional classifier of the drawn cartoon faces' fifteen attributes at 64×64."""

    extractor: str = "toon-cnn"
    factory: ClassVar[str] = "engine.evaluation.classifiers:load_toon_cnn"
    title: ClassVar[str] = "classifier of drawn cartoon faces, 64×64"
    dims: ClassVar[int] = 128
    channels: ClassVar[int] = 3
    size: ClassVar[tuple[int, int]] = (64, 64)
    classifies: ClassVar[str] = "toonfaces"
    file: ClassVar[str] = "toon-cnn.safetensors"


@register("extractor", "photos-cnn")
class PhotosCNN(Extractor):
    """Tells where in which of two photographs a 64×64 crop was taken; the data set itself has no labels."""

    extractor: str = "photos-cnn"
    factory: ClassVar[str] = "engine.evaluation.classifiers:load_photos_cnn"
    title: ClassVar[str] = "classifier of places in two photographs, 64×64"
    dims: ClassVar[int] = 128
    channels: ClassVar[int] = 3
    size: ClassVar[tuple[int, int]] = (64, 64)
    file: ClassVar[str] = "photos-cnn.safetensors"


@register("extractor", PROBE)
class Probe(Extractor):
    """Small convolutional classifier of the data's own labels, trained on this machine when scores first need it.

    Its factory takes the settings, the data set, the device and a progress callback or None.
    """

    extractor: str = PROBE
    factory: ClassVar[str] = "engine.evaluation.probe:load_probe"
    title: ClassVar[str] = "classifier of the data's own labels, trained here"
    trained_here: ClassVar[bool] = True

    def location(self) -> Path | None:
        return None if self.weights else type(self).locate()

    def missing_message(self) -> str:
        return "extractor probe is trained here and reads no file of weights: leave evaluate.weights out"

    @classmethod
    def predicts_classes(cls) -> bool:
        return True  # if the data has classes, which only the trainer knows

    @classmethod
    def locate(cls) -> Path | None:
        """The folder of trained probes: one can always be trained."""
        return cache_dir("probes")


@register("extractor", INCEPTION)
class Inception(Extractor):
    """The Inception-v3 that published FID figures are made with, as converted by torch-fidelity.

    ``resize``: ``tf1`` or ``half-pixel``, as ``evaluate.resize``.
    """

    extractor: str = INCEPTION
    resize: str = "tf1"
    factory: ClassVar[str] = "engine.evaluation.inception:load_inception"
    title: ClassVar[str] = "Inception-v3 (2015-12-05), pool features"
    dims: ClassVar[int] = 2048
    file: ClassVar[str] = "weights-inception-2015-12-05-6726825d.pth"
    sha256_prefix: ClassVar[str] = "6726825d"
    url: ClassVar[str] = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{file}"

    @classmethod
    def predicts_classes(cls) -> bool:
        return True

    @classmethod
    def candidates(cls) -> list[Path]:
        """gentui's data folder, then torch hub's cache, where torch-fidelity itself puts the file."""
        hub = os.environ.get("TORCH_HOME") or os.path.join(  # noqa: PTH118
            os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch"
        )
        return [data_root() / cls.file, Path(hub).expanduser() / "hub" / "checkpoints" / cls.file]

    @classmethod
    def remedy(cls) -> str:
        return (
            f"extractor inception needs {cls.file} (sha256 begins {cls.sha256_prefix}), which is not on this "
            f"machine: download {cls.url} and put it into {data_root()}"
        )
