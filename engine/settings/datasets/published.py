"""Published data sets, which `gentui data fetch` downloads or the user puts into the data folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from engine.settings.datasets.base import (
    DIGITS,
    Data,
    File,
    Pair,
    UserPath,
    data_root,
    inside,
    is_file,
    is_folder,
)
from engine.settings.datasets.image_files import label_files
from engine.settings.datasets.published_files import has_files
from engine.settings.registry import register

IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


_FASHION_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)


_FASHION_CONTENT = {
    "train_images": (47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    "train_labels": (60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "test_images": (7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    "test_labels": (10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}


_MNIST_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")


_MNIST_CONTENT = {
    "train_images": (47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train_labels": (60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "test_images": (7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "test_labels": (10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}


_MNIST_MD5 = {  # of the packed files, as torchvision publishes them
    "train_images": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train_labels": "d53e105ee54ea40749a09fcbcd1e9432",
    "test_images": "9fb629c4189551a2d022fa330f9573f3",
    "test_labels": "ec29112dd5afa0611ce80d1b7f02629c",
}


@register("dataset", "fashion-mnist")
class FashionMNIST(Data):
    """Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 + 10,000 grey images of 28×28 in ten classes."""

    dataset: str = "fashion-mnist"
    factory: ClassVar[str] = "engine.data.idx:load"
    title: ClassVar[str] = "Fashion-MNIST, 28×28"
    shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    classes: ClassVar[tuple[str, ...]] = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    sizes: ClassVar[dict[str, int]] = {"train": 60_000, "test": 10_000}
    extractor: ClassVar[str] = "fashion-cnn"
    licence: ClassVar[str] = "MIT"
    files: ClassVar[tuple[File, ...]] = tuple(
        File(name, *_FASHION_CONTENT[key], tuple(f"{mirror}{name}.gz" for mirror in _FASHION_MIRRORS))
        for key, name in IDX_FILES.items()
    )
    folder: ClassVar[str] = "fashion-mnist"

    @classmethod
    def candidates(cls) -> list[Path]:
        """Folders that may hold the four IDX files (gzipped or not), the preferred first."""
        own = data_root()
        shares = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        # Relative entries are ignored: the working directory is never searched.
        absolute = [Path(share) for share in shares.split(":") if share.startswith("/")]
        system = [Path(sys.prefix) / "share", *absolute, Path("/usr/share")]
        return [
            own / "fashion-mnist",
            own / "FashionMNIST" / "raw",  # torchvision's layout
            own / "FashionMNIST",
            *(share / "datasets" / "fashion-mnist" for share in system),
        ]

    @classmethod
    def locate(cls) -> Path | None:
        for folder in cls.candidates():
            if has_files(folder, cls.files):
                return folder
        return None

    @classmethod
    def remedy(cls) -> str:
        return (
            "Fashion-MNIST is not on this machine: `gentui data fetch fashion-mnist` downloads it, "
            "`apt-get install dataset-fashion-mnist` installs it, or put its four IDX files into "
            f"{data_root() / 'fashion-mnist'}"
        )


class Published(Data):
    """Base of data sets that are a few files with fixed names in one folder."""

    folders: ClassVar[
        tuple[str, ...]
    ] = ()  # under data_root(), in order of preference; torchvision's among them
    manual_files: ClassVar[str] = ""  # the files to put there, for messages

    @classmethod
    def locate(cls) -> Path | None:
        for name in cls.folders:
            folder = data_root() / name
            if has_files(folder, cls.files):
                return folder
        return None

    @classmethod
    def remedy(cls) -> str:
        name, title = cls.model_fields["dataset"].default, cls.title.split(",")[0]
        return (
            f"{title} is not on this machine: `gentui data fetch {name}` downloads it, or put {cls.manual_files} into "
            f"{data_root() / cls.folders[0]}"
        )


@register("dataset", "mnist")
class MNIST(Published):
    """MNIST (LeCun, Cortes, Burges): 60,000 + 10,000 grey handwritten digits of 28×28."""

    dataset: str = "mnist"
    factory: ClassVar[str] = "engine.data.idx:load"
    title: ClassVar[str] = "MNIST, 28×28"
    shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    classes: ClassVar[tuple[str, ...]] = DIGITS
    sizes: ClassVar[dict[str, int]] = {"train": 60_000, "test": 10_000}
    licence: ClassVar[str] = "CC BY-SA 3.0"
    files: ClassVar[tuple[File, ...]] = tuple(
        File(
            name,
            *_MNIST_CONTENT[key],
            tuple(f"{mirror}{name}.gz" for mirror in _MNIST_MIRRORS),
            _MNIST_MD5[key],
        )
        for key, name in IDX_FILES.items()
    )
    folder: ClassVar[str] = "mnist"
    folders: ClassVar[tuple[str, ...]] = ("mnist", "MNIST/raw", "MNIST")
    manual_files: ClassVar[str] = "its four IDX files"


class DigitFolder(Data):
    """Base of the digit data sets that a course gives as folders, too: images of 28×28 in ``data``, whose labels are in
    ``train.csv`` and ``val.csv`` beside it. The latter are the test images."""

    path: UserPath | None = Field(
        None,
        description="folder with data/, train.csv and val.csv, or that of all the course's data; empty: the published "
        "set in the data folder",
    )

    within: ClassVar[tuple[str, ...]] = ()

    @property
    def _native_size(self) -> tuple[int, int]:
        return super()._native_size if self.path is None else (28, 28)

    def location(self) -> Path | None:
        if self.path is None:
            return super().location()
        folder = inside(Path(self.path), self.within)
        return folder if label_files(folder) else None

    def missing_message(self) -> str:
        if self.path is None:
            return super().missing_message()
        return f"{self.path!r} has no images with train.csv and val.csv, nor has {self.within[0]} in it: mend data.path"


@register("dataset", "usps")
class USPS(DigitFolder, Published):
    """USPS (Hull 1994), as LIBSVM's site has it: 7,291 + 2,007 grey handwritten digits of 16×16; or with ``path`` as a
    course gives it, at 28×28."""

    dataset: str = "usps"
    factory: ClassVar[str] = "engine.data.usps:load"
    title: ClassVar[str] = "USPS, 16×16"
    shape: ClassVar[tuple[int, int, int]] = (1, 16, 16)
    classes: ClassVar[tuple[str, ...]] = DIGITS
    sizes: ClassVar[dict[str, int]] = {"train": 7_291, "test": 2_007}
    files: ClassVar[tuple[File, ...]] = tuple(
        File(name, 0, "", (f"https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/{name}",), md5, False)
        for name, md5 in (
            ("usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"),
            ("usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"),
        )
    )  # fmt: skip
    folder: ClassVar[str] = "usps"
    folders: ClassVar[tuple[str, ...]] = ("usps", "USPS", ".")
    manual_files: ClassVar[str] = "usps.bz2 and usps.t.bz2"
    within: ClassVar[tuple[str, ...]] = ("digits/usps", "usps")


@register("dataset", "svhn")
class SVHN(DigitFolder, Published):
    """Street View House Numbers, cropped digits (Netzer et al. 2011): 73,257 + 26,032 images of 32×32; or with
    ``path`` as a course gives them, at 28×28."""

    dataset: str = "svhn"
    factory: ClassVar[str] = "engine.data.svhn:load"
    title: ClassVar[str] = "SVHN, 32×32"
    shape: ClassVar[tuple[int, int, int]] = (3, 32, 32)
    classes: ClassVar[tuple[str, ...]] = DIGITS
    sizes: ClassVar[dict[str, int]] = {"train": 73_257, "test": 26_032}
    licence: ClassVar[str] = "non-commercial use"
    files: ClassVar[tuple[File, ...]] = tuple(
        File(name, 0, "", (f"http://ufldl.stanford.edu/housenumbers/{name}",), md5, False)
        for name, md5 in (
            ("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
            ("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
        )
    )
    folder: ClassVar[str] = "svhn"
    folders: ClassVar[tuple[str, ...]] = ("svhn", "SVHN", ".")
    manual_files: ClassVar[str] = "train_32x32.mat and test_32x32.mat"
    within: ClassVar[tuple[str, ...]] = ("digits/svhn", "svhn")


@register("dataset", "mnist-m")
class MNISTM(DigitFolder):
    """MNIST-M (Ganin et al. 2016): MNIST's digits blended over patches of BSDS500's photographs, 28×28.

    Read as distributed (images with lists of labels), made from MNIST and BSDS500, or with ``path`` read as a course
    gives it.
    """

    dataset: str = "mnist-m"
    factory: ClassVar[str] = "engine.data.mnist_m:load"
    title: ClassVar[str] = "MNIST-M, 28×28"
    shape: ClassVar[tuple[int, int, int]] = (3, 28, 28)
    classes: ClassVar[tuple[str, ...]] = DIGITS
    sizes: ClassVar[dict[str, int]] = {"train": 60_000, "test": 10_000}
    within: ClassVar[tuple[str, ...]] = ("digits/mnistm", "mnistm")

    @classmethod
    def ready_made(cls) -> Path | None:
        """The folder with the set as distributed, if there is one."""
        for name in ("mnist-m", "mnist_m", "MNIST-M", "MNISTM"):
            folder = data_root() / name
            if all(
                is_folder(folder / f"mnist_m_{split}") and is_file(folder / f"mnist_m_{split}_labels.txt")
                for split in ("train", "test")
            ):
                return folder
        return None

    @classmethod
    def photographs(cls) -> Path | None:
        """The folder of BSDS500's photographs, with sub-folders ``train`` and ``test``, if there is one."""
        for name in ("BSDS500/data/images", "BSR/BSDS500/data/images", "BSDS500/images", "bsds500"):
            folder = data_root() / name
            if is_folder(folder / "train") and is_folder(folder / "test"):
                return folder
        return None

    @classmethod
    def locate(cls) -> Path | None:
        if (folder := cls.ready_made()) is not None:
            return folder
        photographs = cls.photographs()
        return photographs if photographs is not None and MNIST.locate() is not None else None

    @classmethod
    def remedy(cls) -> str:
        return (
            "MNIST-M is not on this machine: put mnist_m_train/, mnist_m_train_labels.txt, mnist_m_test/ and "
            f"mnist_m_test_labels.txt into {data_root() / 'mnist-m'}, or have it made: `gentui data fetch mnist` "
            f"and BSDS500's photographs in {data_root() / 'BSDS500/data/images'}"
        )


class FolderPair(Pair):
    """Base of the pairs whose domains may both be read from the folder of a course's data."""

    path: UserPath | None = Field(
        None, description="folder of all the course's data; empty: the published sets in the data folder"
    )

    @property
    def domain_values(self) -> dict[str, Any]:
        return super().domain_values | ({"path": self.path} if self.path else {})


@register("dataset", "mnistm-svhn")
class MNISTMToSVHN(FolderPair):
    """From MNIST-M to house numbers."""

    dataset: str = "mnistm-svhn"
    title: ClassVar[str] = "MNIST-M → SVHN, 28×28"
    source: ClassVar[str] = "mnist-m"
    target: ClassVar[str] = "svhn"
    sizes: ClassVar[dict[str, int]] = {"train": 60_000, "test": 10_000}


@register("dataset", "mnistm-usps")
class MNISTMToUSPS(FolderPair):
    """From MNIST-M to USPS."""

    dataset: str = "mnistm-usps"
    title: ClassVar[str] = "MNIST-M → USPS, 28×28"
    source: ClassVar[str] = "mnist-m"
    target: ClassVar[str] = "usps"
    sizes: ClassVar[dict[str, int]] = {"train": 60_000, "test": 10_000}
