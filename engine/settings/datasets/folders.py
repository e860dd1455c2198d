"""Data sets that are folders of images: the user's own, and published ones."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from engine.settings.datasets.base import (
    MIN_IMAGES_PER_LABEL,
    Data,
    UserPath,
    data_root,
    inside,
    is_file,
    is_folder,
)
from engine.settings.datasets.image_files import unclassed_reason
from engine.settings.registry import register


class Folder(Data):
    """Base of the data sets read from a folder of images, cropped to the centre square and resized.

    ``path`` is the folder, relative to the working directory, or one with the images in the sub-folder ``within``;
    without it, ``default_folders`` are looked for in the data folder.
    """

    path: UserPath | None = Field(None, description="folder of images")

    shuffle_seed: int | None = Field(
        None,
        ge=0,
        le=2**32,
        description="cut the images into 80 % to train on, 10 % for validation and 10 % to test, after numpy's "
        "default_rng of this seed has shuffled them in the order of their names; empty: by folders, or by content",
    )

    default_folders: ClassVar[tuple[str, ...]] = ()
    within: ClassVar[tuple[str, ...]] = ()

    def location(self) -> Path | None:
        return _folder(inside(Path(self.path), self.within)) if self.path else type(self).locate()

    def missing_message(self) -> str:
        return (
            f"there is no folder of images at {self.path!r}: mend data.path"
            if self.path
            else type(self).remedy()
        )

    def unlabelled_reason(self) -> str:
        folder = self.location()
        return (
            unclassed_reason(folder, MIN_IMAGES_PER_LABEL) if folder is not None else "its images are not here"
        )

    @classmethod
    def locate(cls) -> Path | None:
        return next((folder for name in cls.default_folders if (folder := _folder(data_root() / name))), None)

    @classmethod
    def remedy(cls) -> str:
        name = cls.model_fields["dataset"].default
        if not cls.default_folders:
            return f"{name} reads a folder of yours: say which with -o data.path=FOLDER"
        title, home = cls.title.split(",")[0], data_root() / cls.default_folders[0]
        return (
            f"{title} is not on this machine: put its images into {home}, or say where they are with "
            "-o data.path=FOLDER"
        )


def _folder(path: Path) -> Path | None:
    return path if is_folder(path) else None


@register("dataset", "imagefolder")
class ImageFolder(Folder):
    """A folder of images, nested or flat. If all of them but a few lie in sub-folders, each sub-folder is a class.

    Or a CSV file beside them tells the class of each: a line with the file's name and its label. Sub-folders ``train``
    and ``test`` (and ``val``), or CSV files of those names, are the splits; otherwise the hash of each image's content
    makes one in ten a test image.
    """

    dataset: str = "imagefolder"
    factory: ClassVar[str] = "engine.data.folders:load_folder"
    title: ClassVar[str] = "a folder of images, 64×64"
    user_supplied: ClassVar[bool] = True
    shape: ClassVar[tuple[int, int, int]] = (3, 64, 64)


@register("dataset", "cats")
class Cats(Folder):
    """Photographs of cats: a folder of images in the data folder, read as ``imagefolder`` reads one."""

    dataset: str = "cats"
    factory: ClassVar[str] = "engine.data.folders:load_folder"
    title: ClassVar[str] = "cats, 64×64"
    extractor: ClassVar[str] = "inception"
    shape: ClassVar[tuple[int, int, int]] = (3, 64, 64)
    default_folders: ClassVar[tuple[str, ...]] = ("cats", "cats_256_aligned")
    within: ClassVar[tuple[str, ...]] = ("cats_256_aligned",)


@register("dataset", "attribute-folder")
class AttributeFolder(Folder):
    """A folder of images with a file of their attributes: a line with the number of images, a line with the
    attributes' names, then for every image its file name and 1 (has it), 0 or -1 (has not) for each attribute.
    """

    dataset: str = "attribute-folder"
    file: str | None = Field(
        None, min_length=1, max_length=4096,
        description="attribute file; empty: the file in the folder with 'attr' in its name",
    )  # fmt: skip
    one_hot: list[int] = Field(
        [], max_length=256, description="sizes of the groups of mutually exclusive attributes; empty: no groups"
    )

    factory: ClassVar[str] = "engine.data.folders:load_with_attributes"
    title: ClassVar[str] = "a folder of images with attributes, 64×64"
    user_supplied: ClassVar[bool] = True
    shape: ClassVar[tuple[int, int, int]] = (3, 64, 64)

    def attribute_file(self) -> Path | None:
        """The file of attributes (``file`` is relative to the folder of images), or None if there is none."""
        folder = self.location()
        if folder is None:
            return None
        if self.file is not None:
            path = folder / Path(self.file).expanduser()
            return path if is_file(path) else None
        for place in (folder, folder.parent):
            try:
                named = sorted(
                    p for p in place.iterdir() if "attr" in p.name.lower() and p.suffix in (".txt", ".csv")
                )
            except OSError:
                continue
            if named:
                return named[0]
        return None

    def unlabelled_reason(self) -> str:
        return "" if self.attribute_file() is not None else "it has no file of attributes"

    @classmethod
    def remedy(cls) -> str:
        if cls.default_folders:
            return super().remedy()
        return (
            "attribute-folder reads a folder of yours: say which with -o data.path=FOLDER and -o data.file=FILE"
        )


@register("dataset", "cartoon")
class Cartoon(AttributeFolder):
    """Cartoon faces selected from Google's Cartoon Set, 128×128: six hair colours, four eye colours, three
    skin tones, with and without glasses. ``images/`` with ``cartoon_attr.txt`` beside it."""

    dataset: str = "cartoon"
    one_hot: list[int] = Field(
        [6, 4, 3, 2], max_length=256, description="sizes of the groups of mutually exclusive attributes"
    )
    title: ClassVar[str] = "selected Cartoon Set, 128×128"
    extractor: ClassVar[str] = "inception"
    user_supplied: ClassVar[bool] = False
    shape: ClassVar[tuple[int, int, int]] = (3, 128, 128)
    attributes: ClassVar[tuple[str, ...]] = (
        *(f"hair {i}" for i in range(1, 7)),
        *(f"eyes {i}" for i in range(1, 5)),
        *(f"face {i}" for i in range(1, 4)),
        "glasses 1", "glasses 2",
    )  # fmt: skip
    groups: ClassVar[tuple[int, ...]] = (6, 4, 3, 2)
    licence: ClassVar[str] = "CC BY 4.0"
    default_folders: ClassVar[tuple[str, ...]] = ("cartoon", "selected_cartoonset100k")
    within: ClassVar[tuple[str, ...]] = ("selected_cartoonset100k",)


@register("dataset", "celeba")
class CelebA(Folder):
    """CelebFaces Attributes (Liu et al. 2015), aligned: 202,599 faces of 178×218, the middle 178×178 of each
    resized. Forty attributes when list_attr_celeba is there; the published splits when list_eval_partition is. Or faces
    as a course gives them, in ``face/train`` and ``face/val``.
    """

    dataset: str = "celeba"
    factory: ClassVar[str] = "engine.data.folders:load_celeba"
    title: ClassVar[str] = "CelebA, aligned faces, 64×64"
    extractor: ClassVar[str] = "inception"
    shape: ClassVar[tuple[int, int, int]] = (3, 64, 64)
    sizes: ClassVar[dict[str, int]] = {"train": 162_770, "validation": 19_867, "test": 19_962}
    licence: ClassVar[str] = "non-commercial research"
    default_folders: ClassVar[tuple[str, ...]] = ("celeba", "CelebA")
    within: ClassVar[tuple[str, ...]] = ("face",)

    def find_file(self, name: str) -> Path | None:
        """A file near the images by its name without suffix, such as ``list_attr_celeba``; None if absent."""
        root = self.location()
        if root is None:
            return None
        near = (root, root / "Anno", root / "Eval", root.parent)
        files = (folder / f"{name}.{suffix}" for folder in near for suffix in ("txt", "csv"))
        return next((file for file in files if is_file(file)), None)

    def unlabelled_reason(self) -> str:
        return (
            ""
            if self.find_file("list_attr_celeba") is not None
            else "list_attr_celeba is not beside its images"
        )

    @classmethod
    def remedy(cls) -> str:
        return (
            "CelebA is not on this machine: unpack img_align_celeba.zip into "
            f"{data_root() / 'celeba'}, with list_attr_celeba.txt and list_eval_partition.txt beside it, or say "
            "where it is with -o data.path=FOLDER"
        )
