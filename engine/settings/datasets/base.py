"""The settings that all data sets share, and where their files are looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, cast

import platformdirs
from pydantic import Field, ValidationError

from engine.settings.registry import Settings, find


def data_root() -> Path:
    """``$GENTUI_DATA``, or the user's cache directory."""
    if chosen := os.environ.get("GENTUI_DATA"):
        return Path(chosen).expanduser()
    return Path(platformdirs.user_cache_dir("gentui")) / "data"


DIGITS = tuple("0123456789")
"""Class names of the digit data sets."""

MIN_IMAGES_PER_LABEL = 8  # images, for a classifier to be taught it


class File(NamedTuple):
    """A file of a data set: its name and content when unpacked, and where it can be had.

    What was published decides what is checked: ``sha256`` of the content, or ``md5`` of the file as it is served.
    """

    name: str
    bytes: int  # of the content; 0: not published
    sha256: str
    urls: tuple[str, ...]
    md5: str = ""
    gzipped: bool = True  # as served; it is kept so, as ``name.gz``


def absolute_path(path: str) -> str:
    """A path a person wrote, whole: from where gentui was started. Raises ValueError for what can be no path."""
    if "\0" in path:
        raise ValueError("a path has no null character")
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111  Path keeps "..": it must not


def is_file(path: Path) -> bool:
    """Whether it is a file we may look at; Path.is_file raises for a folder closed to us."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """The same for folders."""
    return os.path.isdir(path)  # noqa: PTH112


class Data(Settings):
    """Base of the data set settings. Class attributes describe the set; fields are a recipe's choices.

    ``factory`` names ``load(settings, progress) -> engine.data.Dataset`` (``progress`` may be None).
    """

    dataset: str
    batch_size: int = Field(64, ge=1, le=65536, description="images per training step")
    image_size: int | None = Field(
        None, ge=4, le=1024, description="resize to this many pixels a side; empty keeps the native size"
    )
    validation: float = Field(
        0.0, ge=0, le=0.9, description="fraction of the training images held out, chosen by their content"
    )
    flip: bool = Field(False, description="mirror every other image, left to right")
    crop: int = Field(0, ge=0, le=512, description="move images by up to this many pixels, edges reflected")
    rotation: float = Field(0.0, ge=0, le=180, description="turn images by up to this many degrees")
    rotation_fill: Literal["reflect", "border", "black"] = Field(
        "reflect", description="what turns in at the corners"
    )

    factory: ClassVar[str] = ""
    title: ClassVar[str] = ""
    shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)  # C, H, W
    classes: ClassVar[tuple[str, ...]] = ()
    attributes: ClassVar[tuple[str, ...]] = ()
    groups: ClassVar[tuple[int, ...]] = ()  # sizes of the one-hot groups of attributes; (): independent ones
    sizes: ClassVar[dict[str, int]] = {}  # images per split
    embedded: ClassVar[bool] = False
    user_supplied: ClassVar[bool] = False  # a person says where it is: there is no place to look for it
    extractor: ClassVar[str] = "probe"  # what scores are made with where a recipe names nothing
    licence: ClassVar[str] = ""
    files: ClassVar[tuple[File, ...]] = ()  # what `gentui data fetch` puts into data_root()/folder
    folder: ClassVar[str] = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """C, H, W after resizing."""
        c, h, w = self.shape
        return (c, self.image_size, self.image_size) if self.image_size else (c, h, w)

    def location(self) -> Path | None:
        """Where these very settings read from, or None: for sets whose place is a recipe's choice."""
        return type(self).locate()

    def missing_message(self) -> str:
        """The remedy when nothing is ``location``."""
        return type(self).remedy()

    def unlabelled_reason(self) -> str:
        """Why no classifier can be taught what these images show, as a clause; "" where one can.

        As far as can be told without opening an image.
        """
        return "" if self.classes or self.attributes else "its images have no labels"

    @classmethod
    def components(cls) -> tuple[type[Data], ...]:
        """The sets whose files it is made of."""
        return (cls,)

    @classmethod
    def is_available(cls, values: Mapping[str, Any]) -> bool:
        """Whether a [data] table, checked or not, names data that is on this machine."""
        try:
            return cls.model_validate(dict(values)).location() is not None
        except ValidationError:  # it is reported elsewhere
            return cls.locate() is not None

    @classmethod
    def locate(cls) -> Path | None:
        """The folder the data is read from, or None when it is not on this machine. Embedded sets: ``.``."""
        return Path() if cls.embedded else None

    @classmethod
    def remedy(cls) -> str:
        """One sentence: what is missing and what to do about it."""
        return f"data set {cls.__name__} is not on this machine"


class Pair(Data):
    """Base of the domain pairs: ``source`` with its labels, and ``target``, at 3×28×28 (grey repeated)."""

    supervision: Literal["source", "target"] = Field(
        "source",
        description="whose labels are trained on; target: the bound that adaptation is measured against",
    )

    factory: ClassVar[str] = "engine.data.pairs:load"
    shape: ClassVar[tuple[int, int, int]] = (3, 28, 28)
    classes: ClassVar[tuple[str, ...]] = DIGITS
    source: ClassVar[str] = ""
    source_values: ClassVar[dict[str, Any]] = {}  # how the source's own settings differ from their defaults
    target: ClassVar[str] = ""

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
        """The source's folder when both domains are here."""
        places = [domain.locate() for domain in cls.domains()]
        return None if None in places else places[0]

    @classmethod
    def remedy(cls) -> str:
        return "; ".join(domain.remedy() for domain in cls.domains() if domain.locate() is None)
