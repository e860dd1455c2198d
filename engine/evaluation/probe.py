"""Probes: small classifiers that learn a data set's own labels when scores first need them, kept in a cache.

A probe learns from the training split only, so that its accuracy on the test split, the floor of label accuracy, is
that of unseen images. The same data give the same weights on one machine; the protocol names their hash.
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
from engine.runs.files import private_folder, write_atomically
from engine.runs.paths import cache_dir
from engine.settings.datasets.base import MIN_IMAGES_PER_LABEL
from engine.settings.datasets.image_files import too_few_reason
from engine.settings.extractors import Extractor, untrainable_probe

VERSION = 1
"""Version of the nets and courses: increase it when they change, so that cached probes are trained again."""
TINY, SMALL, LARGE = 12, 40, 64
"""Largest sides in pixels of the images that each net is for; larger images are resized to 64×64."""
MOST_IMAGES = 20_000
"""Training images that a probe learns from at most, evenly spaced over a larger split."""
_uncached: dict[str, bytes] = {}  # probes of this process that could not be written to the disk


def load_probe(
    chosen: Extractor, dataset: Dataset, device: torch.device, progress: Progress | None = None
) -> ClassifierExtractor:
    """Load the probe of ``dataset``, training it first when it is not in the cache.

    ``progress`` counts training images; it may raise to abandon the training, of which nothing is kept then. Raises
    ExtractorError when there are no labels to learn, or too few images of one.
    """
    if why := unteachable(dataset):
        raise ExtractorError(untrainable_probe(dataset.name, why))
    course, size = course_for(dataset)
    weights = _weights(dataset, course, size, progress or (lambda done, total: None))
    teacher = Teacher(dataset.name, dataset.classes, dataset.attributes)
    return ClassifierExtractor(chosen.extractor, course.initial_net(), weights, size, device, teacher)


def unteachable(dataset: Dataset) -> str:
    """Why a classifier cannot learn this data set's labels, as a clause for a message; "" when it can."""
    split_labels = [split.labels for split in dataset.splits.values() if split.labels is not None]
    if dataset.train.labels is None:
        return "its images have no labels"
    labels = torch.cat(split_labels)
    if dataset.classes:
        counts = torch.bincount(labels, minlength=len(dataset.classes)).tolist()
        return too_few_reason(dict(zip(dataset.classes, counts, strict=True)), MIN_IMAGES_PER_LABEL)
    positive = labels.sum(0, dtype=torch.int64)
    if not (torch.minimum(positive, len(labels) - positive) >= MIN_IMAGES_PER_LABEL).any():
        return f"none of its attributes tells {MIN_IMAGES_PER_LABEL} images from {MIN_IMAGES_PER_LABEL} others"
    return ""


def course_for(dataset: Dataset) -> tuple[Course, tuple[int, int]]:
    """(how the probe is trained, the H, W it is shown images in): their own size, or 64×64 for larger images.

    The number of steps is limited so that training takes about a minute on two CPU cores at most.
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
    """Whether this CPU has bfloat16 instructions; on others float32 is faster."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _weights(dataset: Dataset, course: Course, size: tuple[int, int], progress: Progress) -> bytes:
    """Weights from the cache, or trained now, in one process at a time. A damaged file is replaced."""
    folder, key = cache_dir("probes"), _key(dataset)
    if (cached := _cached(folder, key) or _uncached.get(key)) is not None:
        return cached
    with exclusive_build(folder / key, lambda: progress(0, 0)):
        if (cached := _cached(folder, key)) is not None:
            return cached

        def on_step(done: int, total: int, loss: float) -> None:
            progress(done * course.batch_size, total * course.batch_size)

        weights = packed(train(course, _training_data(dataset, size), on_step=on_step))
        try:
            private_folder(folder)
            write_atomically(folder / f"{key}-{hashlib.sha256(weights).hexdigest()}.safetensors", weights)
        except OSError:  # a full or read-only disk must not fail the score
            _uncached[key] = weights
        return weights


def _key(dataset: Dataset) -> str:
    """Hash of all that determines the probe. The fingerprint of the images does not include the names of labels."""
    labels = [dataset.classes, dataset.attributes, dataset.groups]
    return hashlib.sha256(json.dumps([VERSION, dataset.fingerprint, *labels]).encode()).hexdigest()[:32]


def _cached(folder: Path, key: str) -> bytes | None:
    """The weights cached under ``key``, if the hash in their file name is that of their content."""
    for path in folder.glob(f"{key}-*.safetensors"):
        with contextlib.suppress(ExtractorError):
            return read_weights(path, path.stem.rpartition("-")[2])[0]
    return None


def _training_data(dataset: Dataset, size: tuple[int, int]) -> Dataset:
    """The data set with at most ``MOST_IMAGES`` training images, resized to ``size``."""
    train = dataset.train
    assert train.labels is not None
    if len(train) > MOST_IMAGES:
        train = train.take(torch.arange(MOST_IMAGES) * len(train) // MOST_IMAGES)
    if train.images.shape[2:] != size:
        train = Split(torch.cat([resize(part, size) for part in train.images.split(64)]), train.labels)
    return replace(dataset, train=train)
