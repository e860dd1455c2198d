"""The base classes of data set settings, and the data folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast

import platformdirs
from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from engine.settings.registry import Conflict, Settings, find


def data_root() -> Path:
    """The data folder: ``$GENTUI_DATA``, or ``gentui/data`` in the user's cache directory."""
    if chosen := os.environ.get("GENTUI_DATA"):
        return Path(chosen).expanduser()
    return Path(platformdirs.user_cache_dir("gentui")) / "data"


DIGITS = tuple("0123456789")
"""Class names of the digit data sets."""

MIN_IMAGES_PER_LABEL = 8  # for a probe to learn it


class File(NamedTuple):
    """A file of a data set: its name, its size and hash, and where it can be downloaded.

    It is verified by whichever hash is published: ``sha256`` of the unpacked content, or ``md5`` of the file as served.
    """

    name: str
    bytes: int  # of the unpacked content; 0: not published
    sha256: str
    urls: tuple[str, ...]
    md5: str = ""
    gzipped: bool = True  # as served, and as stored (``name.gz``)


def absolute_path(path: str) -> str:
    """The absolute form of a path that a user wrote, relative to the working directory.

    Raises ValueError for a path with a null character.
    """
    if "\0" in path:
        raise ValueError("a path has no null character")
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111  Path would keep ".."


UserPath = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(absolute_path)]
"""The path that a user gives, made absolute."""


def is_file(path: Path) -> bool:
    """Whether ``path`` is a file. Unlike ``Path.is_file`` it is False, not an error, in a folder without permission."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether ``path`` is a folder; False, not an error, in a folder without permission."""
    return os.path.isdir(path)  # noqa: PTH112


def inside(path: Path, within: Iterable[str]) -> Path:
    """The first of the sub-folders of ``path`` called ``within`` that is there, or else ``path``: a set among others in
    a folder of data."""
    return next((path / name for name in within if is_folder(path / name)), path)


class Data(Settings):
    """Base of the data set settings. Class attributes describe the set; fields are a recipe's choices.

    The factory is a function ``load(settings, progress) -> Dataset``; ``progress`` may be None.
    """

    dataset: str
    batch_size: int = Field(64, ge=1, le=65536, description="images per training step")
    image_size: int | None = Field(
        None, ge=4, le=1024, description="resize to this many pixels a side; empty keeps the native size"
    )
    pad: int = Field(
        0, ge=0, le=256, description="black pixels added on each side, after resizing; scores are without them"
    )
    validation: float = Field(
        0.0, ge=0, le=0.9, description="fraction of the training images held out, chosen by their content"
    )
    validation_images: int = Field(
        0, ge=0, le=10**7, description="training images held out, exactly so many; instead of a fraction"
    )
    grey: bool = Field(False, description="convert colour images to grey")
    flip: bool = Field(False, description="mirror every other image, left to right")
    crop: int = Field(0, ge=0, le=512, description="move images by up to this many pixels, edges reflected")
    resized_crop: float = Field(
        1.0,
        gt=0,
        le=1,
        description="smallest share of the image that a random crop covers before it is enlarged again; 1: no crop",
    )
    rotation: float = Field(0.0, ge=0, le=180, description="turn images by up to this many degrees")
    rotation_fill: Literal["reflect", "border", "black"] = Field(
        "reflect", description="what fills the corners after turning"
    )

    resident: bool | None = Field(
        None,
        description="keep all images on the device; false: fetch each batch while the one before is trained on; empty: "
        "keep them unless they need more than half of a GPU's free memory",
    )

    factory: ClassVar[str] = ""
    title: ClassVar[str] = ""
    shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)  # C, H, W
    classes: ClassVar[tuple[str, ...]] = ()
    attributes: ClassVar[tuple[str, ...]] = ()
    groups: ClassVar[
        tuple[int, ...]
    ] = ()  # sizes of the one-hot groups of attributes; (): independent attributes
    sizes: ClassVar[dict[str, int]] = {}  # images per split
    embedded: ClassVar[bool] = False
    user_supplied: ClassVar[bool] = False  # the user's own images: a recipe must say where they are
    extractor: ClassVar[str] = "probe"  # the default feature extractor of scores
    licence: ClassVar[str] = ""
    files: ClassVar[tuple[File, ...]] = ()  # that `gentui data fetch` puts into data_root()/folder
    folder: ClassVar[str] = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape C, H, W after resizing and padding."""
        c, h, w = self.resized_shape
        return c, h + 2 * self.pad, w + 2 * self.pad

    @property
    def resized_shape(self) -> tuple[int, int, int]:
        """Shape C, H, W after resizing."""
        height, width = self._native_size
        if self.image_size:
            height = width = self.image_size
        return 1 if self.grey else self.shape[0], height, width

    @property
    def _native_size(self) -> tuple[int, int]:
        """H, W before resizing."""
        return self.shape[1], self.shape[2]

    @property
    def holds_out(self) -> bool:
        """Whether training images are held out for validation."""
        return bool(self.validation or self.validation_images)

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        if self.validation and self.validation_images:
            yield Conflict(
                "validation_images", "says the same as data.validation, another way", "drop one of them"
            )
        if self.batch_size == 1 and getattr(parts.get("model"), "by_batch", False):
            net = getattr(parts["model"], "net", "")
            yield Conflict(
                "batch_size", f"net {net!r} has BatchNorm, which needs other images in the batch to normalise by",
                "set it to 2 or more",
            )  # fmt: skip

    def location(self) -> Path | None:
        """The folder that these settings read from, or None if it is not on this machine."""
        return type(self).locate()

    def missing_message(self) -> str:
        """What is missing and what to do about it, if there is no ``location``."""
        return type(self).remedy()

    def unlabelled_reason(self) -> str:
        """Why no classifier can be trained on the labels of these images, as a clause; "" if one can.

        Judged without opening any image.
        """
        return "" if self.classes or self.attributes else "its images have no labels"

    @classmethod
    def components(cls) -> tuple[type[Data], ...]:
        """The data sets whose files it is made of: itself, or the domains of a pair."""
        return (cls,)

    @classmethod
    def is_available(cls, values: Mapping[str, Any]) -> bool:
        """Whether a [data] table, validated or not, names data that is on this machine."""
        try:
            return cls.model_validate(dict(values)).location() is not None
        except ValidationError:  # reported by the validation of the recipe
            return cls.locate() is not None

    @classmethod
    def locate(cls) -> Path | None:
        """The default folder of the data, or None if it is not on this machine. Embedded sets: ``.``."""
        return Path() if cls.embedded else None

    @classmethod
    def remedy(cls) -> str:
        """One sentence: what is missing and what to do about it."""
        return f"data set {cls.__name__} is not on this machine"


class Pair(Data):
    """Base of the domain pairs: ``source``, whose labels are used, and ``target``, both at 3×28×28 (grey repeated)."""

    supervision: Literal["source", "target"] = Field(
        "source",
        description="domain whose labels are trained on; target gives the upper bound for adaptation",
    )

    factory: ClassVar[str] = "engine.data.pairs:load"
    shape: ClassVar[tuple[int, int, int]] = (3, 28, 28)
    classes: ClassVar[tuple[str, ...]] = DIGITS
    source: ClassVar[str] = ""
    source_values: ClassVar[dict[str, Any]] = {}  # settings of the source that are not the defaults
    target: ClassVar[str] = ""

    @property
    def domain_values(self) -> dict[str, Any]:
        """Settings that both domains are read with."""
        return {"batch_size": self.batch_size}

    def domain_settings(self) -> tuple[Data, Data]:
        """The settings that source and target are read with."""
        source, target = self.domains()
        values = self.domain_values
        return source.model_validate(values | self.source_values), target.model_validate(values)

    def location(self) -> Path | None:
        """The source's folder if both domains are on this machine."""
        places = [domain.location() for domain in self.domain_settings()]
        return None if None in places else places[0]

    def missing_message(self) -> str:
        return "; ".join(d.missing_message() for d in self.domain_settings() if d.location() is None)

    @classmethod
    def domains(cls) -> tuple[type[Data], type[Data]]:
        """Settings classes of source and target."""
        source, target = (find("dataset", name) for name in (cls.source, cls.target))
        assert source is not None and target is not None
        return cast(type[Data], source), cast(type[Data], target)

    @classmethod
    def components(cls) -> tuple[type[Data], ...]:
        return cls.domains()

    @classmethod
    def locate(cls) -> Path | None:
        """The source's folder if both domains are on this machine."""
        places = [domain.locate() for domain in cls.domains()]
        return None if None in places else places[0]

    @classmethod
    def remedy(cls) -> str:
        return "; ".join(domain.remedy() for domain in cls.domains() if domain.locate() is None)
