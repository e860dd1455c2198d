"""The data of a run that goes on: the same as when it began, with its labels under their numbers of then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from engine.data.dataset import DataError, Dataset, Split
from engine.recipes.labels import Labels
from engine.settings.diagnostics import some_of
from engine.settings.registry import Settings


def record_of(dataset: Dataset) -> dict[str, Any]:
    """What is kept about the data of a run: its fingerprint, the names of its labels, and the images of each split."""
    return {
        "fingerprint": dataset.fingerprint,
        "classes": list(dataset.classes),
        "attributes": list(dataset.attributes),
        "groups": list(dataset.groups),
        "images": {name: len(split) for name, split in dataset.splits.items()},
    }


def needs_labels(model: Settings) -> bool:
    """Whether the net of these settings learns the numbers of labels."""
    return bool(getattr(model, "conditional", False) or getattr(model, "auxiliary", False))


def with_labels_of(dataset: Dataset, earlier: Labels, needed: bool) -> Dataset:
    """The data set with the classes or attributes that a run began with, found by name, under their numbers of then.

    Where that is impossible, raises DataError if they are ``needed`` by what was trained, and changes nothing if not.
    """
    now = Labels.of(dataset)
    if now == earlier:
        return dataset
    if earlier.classes and now.classes:
        old, new = earlier.classes, now.classes
        if {*new} <= {*old} and _are_different(old) and _are_different(new):
            numbers = torch.tensor([old.index(name) for name in new])
            return replace(_relabelled(dataset, lambda labels: numbers[labels]), classes=old)
    elif earlier.attributes and now.attributes:
        old, new = earlier.attributes, now.attributes
        if (
            {*old} <= {*new}
            and _are_different(new)
            and (earlier.groups == now.groups == () or {*old} == {*new})
        ):
            columns = [new.index(name) for name in old]
            relabelled = _relabelled(dataset, lambda labels: labels[:, columns].contiguous())
            return replace(relabelled, attributes=old, groups=earlier.groups)
    if not needed:
        return dataset
    was, is_now = ((labels.classes or labels.attributes) for labels in (earlier, now))
    raise DataError(
        f"this run was trained on other labels than {dataset.name} has now ({_difference(was, is_now)}): give them "
        "back their names and take new ones away to go on with it, or begin a new run"
    )


def changes(before: Mapping[str, Any], dataset: Dataset) -> str:
    """What has changed in the data since ``record_of`` it was taken, as a sentence; "" if nothing has, or if there is
    no record."""
    now = record_of(dataset)
    if not before or {**before, **now} == before:
        return ""
    was, is_now = (Labels.of(record) for record in (before, now))
    if was != is_now:
        names = _difference(was.classes or was.attributes, is_now.classes or is_now.attributes)
        return f"The labels of the data have changed since the attempt before: {names}."
    counts = before.get("images", {})
    differ = [
        f"{number:,} {name} images where there were {counts.get(name, 0):,}"
        for name, number in now["images"].items()
        if number != counts.get(name, 0)
    ]
    what = ", ".join(differ) or "as many images, of which some are others"
    return f"The data has changed since the attempt before: it has {what}."


def _are_different(names: Sequence[str]) -> bool:
    return len({*names}) == len(names)


def _relabelled(dataset: Dataset, change: Callable[[Tensor], Tensor]) -> Dataset:
    """The data set with the labels of each split changed."""
    splits = {
        name: split if split.labels is None else Split(split.images, change(split.labels))
        for name, split in dataset.splits.items()
    }
    return replace(dataset, **splits)


def _difference(old: Sequence[str], new: Sequence[str]) -> str:
    """Which names are gone, and which are new."""
    gone, added = ([name for name in one if name not in other] for one, other in ((old, new), (new, old)))
    parts = [f"{some_of(names)} {what}" for names, what in ((gone, "gone"), (added, "new")) if names]
    return ", ".join(parts) or "in other groups"
