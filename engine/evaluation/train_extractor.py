"""Train one of the shipped extractors: ``python -P -m engine.evaluation.train_extractor fashion-cnn -o FILE``.

Training uses the training split only, for a fixed number of epochs; the test split is used once, at the end. Images
are shifted, partly erased and blurred as by resizing, but never mirrored: an extractor that does not distinguish a
mirrored shoe from a real one would not penalise a generator for drawing it.

An extractor learns the labels of its data set: classes, or attributes by the cross entropy of each one-hot group. The
photos have none: there it learns the place that a crop was taken from, which is never that of a test crop.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor

from engine import main_program
from engine.data.batches import Batches
from engine.data.dataset import Dataset, open_dataset, to_float
from engine.data.photos import STRIDE, TEST_FROM
from engine.evaluation.agreement import agreement, attribute_accuracy
from engine.evaluation.classifiers import (
    Classifier,
    colour_net,
    digits_net,
    digitsm_net,
    fashion_net,
    packed,
)
from engine.methods import lazy_dynamo
from engine.runs.files import write_atomically
from engine.settings import registry
from engine.settings.datasets.base import Data
from engine.settings.datasets.embedded import FACE_ATTRIBUTES


@dataclass(frozen=True)
class Course:
    """How a classifier is trained.

    ``shift`` and ``erase`` are in pixels; for ``blur``, some images are resized to that side and back. 0 is off.
    """

    net: Callable[[], Classifier]
    epochs: int
    batch_size: int
    shift: int
    erase: int
    blur: int
    average: float = 0.99  # decay of the averaged weights
    lr: float = 4e-3
    weight_decay: float = 0.05
    fewest: int = 1  # steps, however few the epochs have
    most: int = sys.maxsize  # steps, however many the epochs have
    autocast: bool = True  # to bfloat16

    def steps(self, per_epoch: int) -> int:
        """Number of optimiser steps, for epochs of ``per_epoch`` steps."""
        return min(self.most, max(self.fewest, self.epochs * per_epoch))

    def initial_net(self, seed: int = 0) -> Classifier:
        """The net with the weights of ``seed``. The state of torch's global generator is left unchanged."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.net()


@dataclass(frozen=True)
class Plan:
    """How a shipped extractor is trained. ``data``: values of a recipe's [data]; ``label``: adds labels to data without
    any."""

    data: dict[str, Any]
    course: Course
    label: Callable[[Dataset], Dataset] | None = None


def places(photos: Dataset) -> Dataset:
    """Label crops by the place they were taken from: photograph, third of the rows, quarter of the columns.

    Test crops come from below all training crops; their label is the first place of their photograph.
    """
    rows = (TEST_FROM - photos.image_shape[1]) // STRIDE + 1
    columns = len(photos.train) // 2 // rows
    number = torch.arange(len(photos.train))
    photo, row, column = number // (rows * columns), number // columns % rows, number % columns
    trained = photo * 12 + row * 3 // rows * 4 + column * 4 // columns
    tested = torch.arange(len(photos.test)) // (len(photos.test) // 2) * 12
    return replace(
        photos, train=replace(photos.train, labels=trained), test=replace(photos.test, labels=tested)
    )


def toon_net() -> Classifier:
    return colour_net(logits=len(FACE_ATTRIBUTES))


PLANS = {
    "digits-cnn": Plan({"dataset": "digits"}, Course(digits_net, 80, 64, 1, 0, 28)),
    "fashion-cnn": Plan({"dataset": "fashion-mnist"}, Course(fashion_net, 12, 128, 2, 8, 0, 0.998)),
    "toon-cnn": Plan({"dataset": "toonfaces", "image_size": 64}, Course(toon_net, 20, 64, 2, 12, 32)),
    "digitsm-cnn": Plan({"dataset": "digits-m"}, Course(digitsm_net, 60, 64, 2, 0, 14)),
    "photos-cnn": Plan({"dataset": "photos"}, Course(colour_net, 10, 64, 0, 16, 0), places),
}


def augment(images: Tensor, course: Course, generator: torch.Generator) -> Tensor:
    """Shift, erase and blur images float N,C,H,W in [-1, 1] (-1 is background), each by its own random numbers."""
    n, _, h, w = images.shape
    rows, columns = torch.arange(h), torch.arange(w)
    moves = torch.randint(2 * course.shift + 1, (2, n, 1), generator=generator)
    padded = F.pad(images, [course.shift] * 4, value=-1.0)
    index = torch.arange(n)[:, None, None]
    moved = padded[index, :, (rows + moves[0])[:, :, None], (columns + moves[1])[:, None, :]].movedim(-1, 1)
    if course.erase:
        corner = torch.randint(-course.erase, max(h, w), (2, n, 1), generator=generator)
        inside_rows = (rows >= corner[0]) & (rows < corner[0] + course.erase)
        inside_columns = (columns >= corner[1]) & (columns < corner[1] + course.erase)
        moved = moved.masked_fill((inside_rows[:, :, None] & inside_columns[:, None, :])[:, None], -1.0)
    if course.blur:
        reduced = F.interpolate(moved, size=(course.blur, course.blur), mode="bilinear", antialias=True)
        back = F.interpolate(reduced, size=(h, w), mode="bilinear", antialias=True)
        chosen = torch.rand(n, 1, 1, 1, generator=generator) < 0.3
        moved = torch.where(chosen, back, moved)
    return moved.contiguous(memory_format=torch.channels_last)


def train(
    course: Course,
    dataset: Dataset,
    seed: int = 0,
    on_step: Callable[[int, int, float], None] = lambda done, total, loss: None,
) -> Classifier:
    """Train a classifier on the CPU and return it with averaged weights. The result depends on data, seed and threads.

    ``on_step(steps done, steps in all, loss)`` is called after each step; it may raise to abandon the training. The
    state of torch's global generator is left unchanged.
    """
    generator = torch.Generator().manual_seed(seed)
    net = course.initial_net(seed).to(memory_format=torch.channels_last).train()
    average = copy.deepcopy(net).eval()
    batches = Batches(dataset.train, course.batch_size, "cpu", seed)
    total = course.steps(batches.steps_per_epoch)
    lazy_dynamo.import_on_demand()
    optimiser = torch.optim.AdamW(net.parameters(), lr=course.lr, weight_decay=course.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, course.lr, total_steps=total, pct_start=0.2)
    for step in range(total):
        batch = batches.at(step)
        assert batch.labels is not None
        with torch.autocast("cpu", torch.bfloat16, enabled=course.autocast):
            logits = net(augment(batch.images, course, generator))
        loss = cross_entropy(logits.float(), batch.labels, dataset.groups)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        _update_average(average, net, min(course.average, (1 + step) / (10 + step)))
        on_step(step + 1, total, loss.item())
    return average


def cross_entropy(logits: Tensor, labels: Tensor, groups: Sequence[int] = ()) -> Tensor:
    """Cross entropy of classes (labels int64 N), or of attributes (labels N,A of 0 and 1).

    For attributes it is summed over the one-hot groups of sizes ``groups``; without groups it is the binary cross
    entropy summed over the attributes.
    """
    if labels.dim() == 1:
        return F.cross_entropy(logits, labels)
    if not groups:
        return (
            F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none").sum(1).mean()
        )
    parts = zip(logits.split(list(groups), 1), labels.to(logits.dtype).split(list(groups), 1), strict=True)
    return torch.stack([F.cross_entropy(logit, target) for logit, target in parts]).sum()


@torch.no_grad()
def _update_average(average: Classifier, net: Classifier, decay: float) -> None:
    for mean, newest in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(newest, 1 - decay)
        else:
            mean.copy_(newest)


@torch.inference_mode()
def predictions(net: Classifier, images: Tensor) -> Tensor:
    """Logits float32 N,K of images uint8 N,C,H,W."""
    net.eval()
    return torch.cat([net(to_float(part)) for part in images.split(500)])


def _print_progress(done: int, total: int, loss: float) -> None:
    if done % max(1, total // 20) == 0:
        print(f"step {done:,}/{total:,}  loss {loss:.4f}", file=sys.stderr, flush=True)


def report(name: str, net: Classifier, dataset: Dataset) -> str:
    """The net's accuracy on the test split, as a sentence."""
    images, labels = dataset.test.images, dataset.test.labels
    assert labels is not None and dataset.train.labels is not None
    logits, count = predictions(net, images), f"of {len(images):,} test images"
    if PLANS[name].label is not None:
        photograph = (logits.argmax(1) // 12 * 12 == labels).float().mean()
        place = agreement(predictions(net, dataset.train.images), dataset.train.labels).mean()
        return (
            f"{name}: photograph right {photograph:.4f} {count}; place right {place:.4f} of its training images"
        )
    if labels.dim() == 1:
        return f"{name}: test accuracy {agreement(logits, labels).mean():.4f} {count}"
    each, every = attribute_accuracy(logits, labels, dataset.groups)
    return f"{name}: attributes right {each:.4f}, all right {every:.4f} {count}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="engine.evaluation.train_extractor", description="Train one of the shipped extractors."
    )
    parser.add_argument("name", choices=sorted(PLANS))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    plan = PLANS[options.name]
    settings = registry.find("dataset", plan.data["dataset"])
    assert settings is not None and issubclass(settings, Data)
    dataset = open_dataset(settings.model_validate(plan.data))
    if plan.label is not None:
        dataset = plan.label(dataset)
    net = train(plan.course, dataset, options.seed, _print_progress)
    weights = packed(net)
    net.load_state_dict(
        {name: tensor.float() for name, tensor in load(weights).items()}
    )  # rounded as the shipped ones
    write_atomically(options.output, weights)
    options.output.chmod(0o644)  # shipped with the engine, readable by all users
    print(report(options.name, net, dataset))
    return 0


if __name__ == "__main__":
    main_program.run(main)
