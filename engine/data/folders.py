"""Folders of images, decoded once into the image cache.

The split of an image is that of its sub-folder (``train``, ``test`` …), or else determined by the hash of its
content, never by its name. Unusable images are left out and reported in ``Dataset.warnings``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from engine.data.dataset import (
    DataError,
    Dataset,
    Progress,
    Split,
    content_fraction,
    printable,
    require_folder,
    with_images,
)
from engine.data.decoding import UnusableImage, decode, pillow_warnings_ignored
from engine.data.matching import suffixes_differ
from engine.data.plans import (
    LabelledImage,
    Plan,
    by_attributes,
    by_class,
    by_label_files,
    found_classes,
    images_were,
    unlabelled,
    with_partition,
)
from engine.data.resumable import DIGEST_BYTES, ResumableWriter
from engine.data.store import StoredImages, load_or_build
from engine.settings.datasets.base import Data
from engine.settings.datasets.class_folders import ClassFolders
from engine.settings.datasets.folders import AttributeFolder, CelebA, Folder
from engine.settings.datasets.image_files import ImageFile, ImageListing, label_files, list_images
from engine.settings.datasets.published import DigitFolder
from engine.settings.diagnostics import some_of

VERSION = 1
"""Increment when images are decoded or ordered differently: cached images are then decoded anew."""
TEST_PART = 0.1
_SPLITS = ("train", "validation", "test")
_NO_LABEL = -1
"""The number stored in place of the class of an image in a split without labels."""


def load_folder(settings: Folder, progress: Progress | None = None) -> Dataset:
    """Load a folder of images, uint8 N,3,S,S.

    CSV files, if there are any, tell their classes; else the sub-folders do, if all images lie in sub-folders.
    """
    folder = require_folder(settings)
    files = label_files(folder)
    listing = list_folder(folder, progress, deeper=not files)
    found = found_classes(listing.files)
    if settings.shuffle_seed is not None:
        listing, found = _shuffled(listing, settings.shuffle_seed), replace(found, unlabelled=frozenset())
    if files:
        return open_images(settings, listing, lambda: by_label_files(listing, files), progress, files.values())
    dataset = open_images(settings, listing, lambda: by_class(listing.files, found), progress, found=found)
    if not found.prevented_by:
        return dataset
    beside = [f.name for f in listing.files if not f.top_folder]
    note = f"The images have no labels: {len(beside):,} do not lie in a sub-folder ({some_of(beside)})."
    return replace(dataset, notes=(*dataset.notes, note))


def _shuffled(listing: ImageListing, seed: int) -> ImageListing:
    """The images, sorted by name and shuffled, cut into 80 % for training, 10 % for validation and 10 % for tests."""
    order = np.arange(len(listing.files))
    np.random.default_rng(seed).shuffle(order)
    train, validation = int(0.8 * len(order)), int(0.9 * len(order))
    files = [
        replace(
            listing.files[place],
            split="train" if rank < train else "validation" if rank < validation else "test",
        )
        for rank, place in enumerate(order.tolist())
    ]
    return replace(listing, files=sorted(files, key=lambda f: os.fsencode(f.path)))


def load_digit_folder(settings: DigitFolder, progress: Progress | None = None) -> Dataset:
    """Load digits as a course gives them, uint8 N,C,28,28: a folder of images with ``train.csv`` and ``val.csv``."""
    folder = require_folder(settings)
    listing, files = list_folder(folder, progress), label_files(folder)
    dataset = open_images(
        settings, listing, lambda: by_label_files(listing, files, settings.classes), progress, files.values()
    )
    if settings.shape[0] == 3:
        return dataset
    return with_images(dataset, lambda images: images[:, :1])


def load_with_attributes(settings: AttributeFolder, progress: Progress | None = None) -> Dataset:
    """Load a folder of images with a file of attributes. Raises DataError if the two do not match."""
    listing = list_folder(require_folder(settings), progress)
    file = settings.attribute_file()
    if file is None:
        raise DataError(
            f"there is no file of attributes for {printable(listing.folder)}: name it with data.file (a line with the "
            "number of images, one with the attributes' names, then a line for each image)"
        )
    groups = tuple(settings.one_hot)
    return open_images(
        settings, listing, lambda: by_attributes(listing.files, file, groups), progress, [file], groups
    )


def load_celeba(settings: CelebA, progress: Progress | None = None) -> Dataset:
    """Load CelebA's aligned faces, with attributes and published splits if their files are there."""
    root = require_folder(settings)
    aligned = (root / name for name in ("img_align_celeba", "img_align_celeba_png"))
    listing = list_folder(next((folder for folder in aligned if folder.is_dir()), root), progress)
    attributes, partition = (settings.find_file(name) for name in ("list_attr_celeba", "list_eval_partition"))

    def plan() -> Plan:
        made = by_attributes(listing.files, attributes, ()) if attributes else Plan(unlabelled(listing.files))
        return with_partition(made, listing.files, partition) if partition else made

    return open_images(settings, listing, plan, progress, [f for f in (attributes, partition) if f])


def list_folder(folder: Path, progress: Progress | None, deeper: bool = False) -> ImageListing:
    """List the images of a folder as ``list_images`` does. Raises DataError if there are none."""
    listing = list_images(folder, lambda: progress(0, 0) if progress else None, deeper)
    if not listing.files:
        why = " ".join((*listing.warnings, *listing.notes)).rstrip(".")
        raise DataError(
            f"{printable(folder)} holds no PNG, JPEG, TIFF, WebP, BMP or GIF images"
            + (f" ({why})" if why else "")
        )
    return listing


# -- from files to pixels ----------------------------------------------------------------------------------


def open_images(
    settings: Data,
    listing: ImageListing,
    plan: Callable[[], Plan],
    progress: Progress | None,
    described_by: Iterable[Path] = (),
    groups: tuple[int, ...] = (),
    found: ClassFolders | None = None,
) -> Dataset:
    """The listed images as a data set: from the cache, or decoded now as ``plan()`` says.

    ``described_by``: the files that the plan is made from, whose changes invalidate the cache. ``found``: the classes
    that it labels by.
    """
    report = progress or (lambda done, total: None)
    size = settings.resized_shape[1]
    described_by = [*described_by]
    rules = [
        *(["names"] if suffixes_differ(listing.files, described_by) else []),
        *_class_rules(listing.files, found),
    ]
    key = _key(settings.dataset, size, listing.files, described_by, groups, rules)

    def build(writer: ResumableWriter) -> None:
        planned = plan()
        _decode(
            writer, planned, size, report, (*planned.warnings, *listing.warnings), printable(listing.folder)
        )

    stored = load_or_build(key, build, lambda: report(0, len(listing.files)), ResumableWriter)
    dataset = _dataset(settings, stored, groups)
    warnings = dict.fromkeys(
        (*dataset.warnings, *listing.warnings)
    )  # what can be opened may have changed since
    return replace(
        dataset, warnings=tuple(map(printable, warnings)), notes=tuple(map(printable, listing.notes))
    )


def _class_rules(files: Sequence[ImageFile], found: ClassFolders | None) -> list[str]:
    """The rules that make classes of what had none when rules were not part of cache keys."""
    if found is None or not found.names:
        return []
    strays = any(f.top_folder not in found.names and f.split not in found.unlabelled for f in files)
    return [
        *(["strays"] if strays else []),
        *(f"unlabelled {split}" for split in sorted(map(str, found.unlabelled))),
    ]


def _key(
    kind: str,
    size: int,
    files: Sequence[ImageFile],
    described_by: Iterable[Path],
    groups: tuple[int, ...],
    rules: Sequence[str],
) -> str:
    """The cache key: it changes with names, sizes, modification times and special rules, without reading any image."""
    facts = [(str(f), s.st_size, s.st_mtime_ns) for f in described_by for s in [f.stat()]]
    special = [rules] if rules else []
    digest = hashlib.sha256(json.dumps([VERSION, kind, size, facts, groups, *special]).encode())
    for f in files:
        digest.update(os.fsencode(f"\0{f.name}\0{f.split}\0{f.size} {f.mtime_ns}"))
    return f"{kind}-{digest.hexdigest()[:24]}"


def _dataset(settings: Data, stored: StoredImages, groups: tuple[int, ...]) -> Dataset:
    """Cut the stored images into splits. Raises DataError if fewer than one batch is left for training."""
    info = stored.info
    train, validation, test = info["counts"]
    labels = stored.arrays.get("labels")

    def cut(start: int, end: int) -> Split:
        own = None if labels is None else labels[start:end]
        return Split(stored.images[start:end], None if own is None or (own == _NO_LABEL).any() else own)

    held = 0
    if settings.holds_out and not validation and train:
        places = stored.arrays["places"][:train]
        held = min(settings.validation_images, train) or _held_out(places, settings.validation)
    if train - held < settings.batch_size:
        raise DataError(
            f"{info['folder']} has {train - held:,} images to train on, fewer than one batch of "
            f"{settings.batch_size}: add images, or lower data.batch_size"
            + (f" ({info['warnings'][0].rstrip('.')})" if info["warnings"] else "")
        )
    apart = cut(0, held) if held else cut(train, train + validation) if validation else None
    return Dataset(
        name=settings.dataset,
        train=cut(held, train),
        test=cut(train + validation, train + validation + test),
        classes=tuple(info["classes"]),
        attributes=tuple(info["attributes"]),
        groups=groups,
        validation=apart,
        fingerprint=hashlib.sha256(f"{info['sha256']} {held}".encode()).hexdigest(),
        warnings=tuple(info["warnings"]),
    )


def _held_out(places: Tensor, fraction: float) -> int:
    """The number of training images that are held out, at least one; ``places`` is sorted."""
    return max(int((places < fraction).sum()), int((places == places[0]).sum()))


def _decode(
    writer: ResumableWriter, plan: Plan, size: int, report: Progress, warnings: tuple[str, ...], folder: str
) -> None:
    """Write all usable images, split by split, training images first, each split sorted by content hash.

    The images that a recipe holds out for validation are so always the first of the training images. What was done
    before an interruption is not done again.
    """
    total = len(plan.pictures)
    digests, written = writer.begin(total, (3, size, size))
    bad: dict[str, list[str]] = {}
    with _threads() as pool, pillow_warnings_ignored():
        for digest in _in_order(pool, lambda p: _digest(p.path), plan.pictures[len(digests) :], 256):
            digests.append(digest)
            writer.note_digest(digest)
            report(len(digests) // 3, total)  # hashing is about a third of the work
        order = _order(
            plan.pictures, digests, lambda picture: not isinstance(_try_decode(picture.path, size), str)
        )
        labels: list[int | bytes] = []
        places: list[float] = []
        counts = Counter[str]()
        used: dict[str, set[bytes]] = {split: set() for split in _SPLITS}
        chosen = [plan.pictures[i] for _, _, i in order]
        reasons = _write(writer, pool, chosen, size, written)
        for done, ((split, where, i), reason) in enumerate(zip(order, reasons, strict=True), 1):
            picture = plan.pictures[i]
            if reason:
                bad.setdefault(reason, []).append(picture.name)
            else:
                counts[split] += 1
                places.append(where)
                used[split].add(digests[i])
                labels.append(_NO_LABEL if picture.label is None else picture.label)
            report((total + 2 * done) // 3, total)
    messages = [*_unusable_warning(bad, total), *_overlap_warning(used), *warnings]
    if not counts["train"] or not counts["test"]:
        writer.discard()
        raise DataError(
            f"{folder} has {counts['train']:,} images to train on and {counts['test']:,} to test with that can be "
            "used" + (f" ({messages[0].rstrip('.')})" if messages else "") + ": add images"
        )
    arrays = {"places": np.array(places)}
    if labels and isinstance(labels[0], bytes):
        arrays["labels"] = np.frombuffer(b"".join(labels), np.uint8).reshape(len(labels), -1)  # type: ignore[arg-type]
    elif any(label != _NO_LABEL for label in labels):
        arrays["labels"] = np.array(labels, np.int64)
    writer.describe(
        arrays,
        classes=plan.classes,
        attributes=plan.attributes,
        counts=[counts[split] for split in _SPLITS],
        warnings=messages,
        folder=folder,
    )


def _write(
    writer: ResumableWriter,
    pool: ThreadPoolExecutor,
    pictures: Sequence[LabelledImage],
    size: int,
    written: Sequence[bool],
) -> Iterator[str]:
    """Write the pixels of each picture, and yield "" or the reason why it has none.

    ``written`` tells of the first ones whether they were written before an interruption.
    """
    for was_written, picture in zip(written, pictures, strict=False):
        yield "" if was_written else _reason(picture.path, size)
    chunk = max(8, min(256, (64 << 20) // (3 * size * size)))
    for image in _in_order(pool, lambda p: _try_decode(p.path, size), pictures[len(written) :], chunk):
        if isinstance(image, str):
            writer.note_unusable()
        else:
            writer.add(image)
        yield image if isinstance(image, str) else ""


@contextlib.contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """A pool of threads; on exit, work that has not begun is cancelled."""
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[LabelledImage], object],
    pictures: Sequence[LabelledImage],
    chunk: int,
) -> Iterator:
    """The results of ``work`` on every picture, in order; at most two chunks are computed ahead."""
    ahead: list = []
    for start in range(0, len(pictures), chunk):
        ahead.append([pool.submit(work, picture) for picture in pictures[start : start + chunk]])
        if len(ahead) == 2:
            yield from (future.result() for future in ahead.pop(0))
    for futures in ahead:
        yield from (future.result() for future in futures)


def _digest(path: str) -> bytes:
    """A hash of the file's content; b"" if it cannot be read, which decoding reports."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).digest()  # type: ignore[arg-type]
    except OSError:
        return b""


def _try_decode(path: str, size: int) -> np.ndarray | str:
    """The decoded image, or the reason why it is unusable."""
    try:
        return decode(path, size)
    except UnusableImage as reason:
        return str(reason)


def _reason(path: str, size: int) -> str:
    """Why an image could not be used, before an interruption."""
    found = _try_decode(path, size)
    return found if isinstance(found, str) else "not readable when it was tried"


def _order(
    pictures: Sequence[LabelledImage], digests: Sequence[bytes], usable: Callable[[LabelledImage], bool]
) -> list[tuple[str, float, int]]:
    """Split, position for holding out (0…1) and index of every picture, in the order they are stored.

    Of the pictures whose content decides, at least one that is ``usable`` is for tests.
    """
    tests = [content_fraction(digest, "test") for digest in digests]
    free = sorted((t, i) for i, (p, t) in enumerate(zip(pictures, tests, strict=True)) if p.split is None)
    least = next((test for test, i in free if usable(pictures[i])), 0)
    rows = []
    for i, (picture, digest, test) in enumerate(zip(pictures, digests, tests, strict=True)):
        split = picture.split or ("test" if test < TEST_PART or test == least else "train")
        label = picture.label if isinstance(picture.label, bytes) else str(picture.label).encode()
        rows.append((_SPLITS.index(split), content_fraction(digest, "validation"), digest, label, i))
    rows.sort(key=lambda row: row[:4])
    return [(_SPLITS[split], where, i) for split, where, _, _, i in rows]


# -- warnings ------------------------------------------------------------------------------------------


def _unusable_warning(bad: dict[str, list[str]], total: int) -> list[str]:
    """A sentence about unusable images with their reasons, if there are any."""
    count = sum(map(len, bad.values()))
    if not count:
        return []
    reasons = [f"{len(names):,} {reason} ({some_of(sorted(names))})" for reason, names in sorted(bad.items())]
    return [f"{count:,} of {total:,} images could not be used: {', '.join(reasons)}."]


def _overlap_warning(used: dict[str, set[bytes]]) -> list[str]:
    """A sentence about images that are in both the training and the test split, if any."""
    both = len(used["train"] & used["test"])
    return [f"{images_were(both)} found in the training split and in the test split."] if both else []
