"""A probe: a small classifier that is taught a data set's own labels when scores first need one, and kept.

It learns from the training split, so its accuracy on the test split, the floor of label accuracy, is an honest one.
The same data make the same weights on one machine; its hash, which a protocol carries, says which weights they were.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from engine.data.dataset import Dataset, Progress, Split, resize
from engine.data.store import exclusive_build
from engine.evaluation.classifiers import (
    ClassifierExtractor,
    Teacher,
    colour_net,
    digits_net,
    digitsm_net,
    packed,
)
from engine.evaluation.extractors import ExtractorError, read_weights
from engine.evaluation.train_extractor import Course, train
from engine.runs.directory import DIR_MODE, write_atomically
from engine.runs.paths import cache_dir
from engine.settings.datasets.base import MIN_IMAGES_PER_LABEL
from engine.settings.datasets.image_files import too_few_reason
from engine.settings.extractors import Extractor, untrainable_probe

VERSION = 1
"""Raise when nets or courses change: what is in the cache is then made anew."""
TINY, SMALL, LARGE = 12, 40, 64  # pixels a side; larger images are looked at in 64×64
MOST_IMAGES = 20_000  # learnt from, evenly spaced over a larger split
_unkept: dict[str, bytes] = {}  # what this process learnt and no disk would take


def load_probe(
    chosen: Extractor, dataset: Dataset, device: torch.device, progress: Progress | None = None
) -> ClassifierExtractor:
    """The probe of ``dataset``, trained now when it is not in the cache.

    ``progress`` counts images learnt from; what it raises ends the training, and nothing of it is kept. Raises
    ExtractorError when there are no labels to learn, or too few images of one.
    """
    if why := unteachable(dataset):
        raise ExtractorError(untrainable_probe(dataset.name, why))
    course, size = course_for(dataset)
    weights = _weights(dataset, course, size, progress or (lambda done, total: None))
    teacher = Teacher(dataset.name, dataset.classes, dataset.attributes)
    return ClassifierExtractor(chosen.extractor, course.untaught(), weights, size, device, teacher)


def unteachable(dataset: Dataset) -> str:
    """Why a classifier cannot be taught this data set's labels; "" where it can."""
    known = [split.labels for split in dataset.splits.values() if split.labels is not None]
    if dataset.train.labels is None:
        return "its images have no labels"
    labels = torch.cat(known)
    if dataset.classes:
        counts = torch.bincount(labels, minlength=len(dataset.classes)).tolist()
        return too_few_reason(dict(zip(dataset.classes, counts, strict=True)), MIN_IMAGES_PER_LABEL)
    has = labels.sum(0, dtype=torch.int64)
    if not (torch.minimum(has, len(labels) - has) >= MIN_IMAGES_PER_LABEL).any():
        return f"none of its attributes tells {MIN_IMAGES_PER_LABEL} images from {MIN_IMAGES_PER_LABEL} others"
    return ""


def course_for(dataset: Dataset) -> tuple[Course, tuple[int, int]]:
    """How its probe is taught, and the H, W of the images it is shown: their own, or 64×64 where they are larger.

    Steps are bounded, so that it takes about a minute on two CPU cores at most.
    """
    channels, *sides = dataset.image_shape
    logits, size = len(dataset.classes or dataset.attributes), (sides[0], sides[1])
    if max(size) <= TINY:
        net = partial(digits_net, 64, logits, channels, size)
        course = Course(net, 40, 64, shift=1, erase=0, blur=0, most=1000)
    elif max(size) <= SMALL:
        net = partial(digitsm_net, 128, logits, channels, size)
        course = Course(net, 40, 64, shift=2, erase=0, blur=min(size) // 2, most=900)
    else:
        size = (LARGE, LARGE)
        net = partial(colour_net, 128, logits, channels)
        course = Course(net, 30, 64, shift=2, erase=12, blur=32, most=500)
    return replace(course, fewest=200, autocast=_fast_bfloat16()), size


def _fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 itself; elsewhere float32 is faster."""
    known = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def _weights(dataset: Dataset, course: Course, size: tuple[int, int], progress: Progress) -> bytes:
    """From the cache, or learnt now, in one process at a time; a damaged file is made anew."""
    folder, key = cache_dir("probes"), _key(dataset)
    if (kept := _kept(folder, key) or _unkept.get(key)) is not None:
        return kept
    with exclusive_build(folder / key, lambda: progress(0, 0)):
        if (kept := _kept(folder, key)) is not None:
            return kept

        def follow(done: int, total: int, loss: float) -> None:
            progress(done * course.batch_size, total * course.batch_size)

        weights = packed(train(course, _shown(dataset, size), follow=follow))
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=DIR_MODE)
            write_atomically(folder / f"{key}-{hashlib.sha256(weights).hexdigest()}.safetensors", weights)
        except OSError:  # a full or read-only disk costs time, not the score
            _unkept[key] = weights
        return weights


def _key(dataset: Dataset) -> str:
    """A hash of what the probe follows from; the names of labels are not in the images' fingerprint."""
    labels = [dataset.classes, dataset.attributes, dataset.groups]
    return hashlib.sha256(json.dumps([VERSION, dataset.fingerprint, *labels]).encode()).hexdigest()[:32]


def _kept(folder: Path, key: str) -> bytes | None:
    """The weights kept under ``key`` whose name is still the hash of their content."""
    for path in folder.glob(f"{key}-*.safetensors"):
        with contextlib.suppress(ExtractorError):
            return read_weights(path, path.stem.rpartition("-")[2])[0]
    return None


def _shown(dataset: Dataset, size: tuple[int, int]) -> Dataset:
    """The data set with no more training images than are learnt from, in the size the net takes."""
    train = dataset.train
    assert train.labels is not None
    if len(train) > MOST_IMAGES:
        train = train.take(torch.arange(MOST_IMAGES) * len(train) // MOST_IMAGES)
    if train.images.shape[2:] != size:
        train = Split(torch.cat([resize(part, size) for part in train.images.split(64)]), train.labels)
    return replace(dataset, train=train)
