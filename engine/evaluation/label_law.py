"""Label laws: which labels the samples of a conditional model are drawn with when it is scored.

A score compares the distribution of samples with that of real images, so the labels asked for are part of it. By
default they are as frequent as in the training images: a perfect generator that is asked for all classes equally often
is far from imbalanced data.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine.data.attribute_files import attribute_row
from engine.data.conditions import Conditions
from engine.data.dataset import Dataset
from engine.recipes.labels import UnknownLabel
from engine.recipes.published import LABELS
from engine.settings.diagnostics import Problem, RecipeError
from engine.settings.evaluation import AS_IN_DATA, UNIFORM

MOST_COMBINATIONS = 4096
SEED = 6_000_003
"""Seed of the choice of attributes, the same for every score."""


@dataclass(frozen=True)
class LabelLaw:
    """``name`` is what the protocol calls it. ``draw(n)`` gives n labels, int64 n or float32 n,A, the same each time.

    Every first part of the labels follows the law as well as its length allows.
    """

    name: str
    draw: Callable[[int], Tensor]


def label_law(setting: str, dataset: Dataset) -> LabelLaw:
    """The law that ``evaluate.labels`` names: ``data``, ``uniform``, or a file.

    The file has a label a line; or, for attributes, a line with their number of images, one with the attributes'
    names, then a line of 0 and 1 for each image. Raises RecipeError when the file cannot be read or names an unknown
    label.
    """
    if setting == UNIFORM:
        return _uniform(dataset)
    if setting == AS_IN_DATA:
        return LabelLaw(LABELS[AS_IN_DATA], lambda count: _as_in_data(dataset, count))
    return _from_file(Path(setting), Conditions.of(dataset))


def in_proportion(weights: Tensor, count: int) -> Tensor:
    """``count`` class numbers, int64, of which each class has a share proportional to its weight (K, not negative).

    Shares are rounded by largest remainders. The classes are interleaved evenly: equal weights give 0, 1, …, K − 1
    again and again.
    """
    exact = weights.double() / weights.double().sum() * count
    counts = exact.floor().long()
    missing = count - int(counts.sum())
    counts[(exact - counts).sort(descending=True, stable=True).indices[:missing]] += 1
    classes = torch.repeat_interleave(torch.arange(len(counts)), counts)
    numbers = torch.cat([torch.arange(int(n)) for n in counts])
    places = (numbers.double() + 0.5) / counts[classes]
    return classes[places.sort(stable=True).indices]


def _as_in_data(dataset: Dataset, count: int) -> Tensor:
    """Classes as frequent as among the training images; or the attributes of training images chosen at random."""
    labels = dataset.train.labels
    assert labels is not None, "a conditional model is trained on labels"
    if dataset.attributes:
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(SEED))
        return labels[order[torch.arange(count) % len(labels)]].float()
    return in_proportion(torch.bincount(labels, minlength=len(dataset.classes)), count)


def _uniform(dataset: Dataset) -> LabelLaw:
    """All classes equally often, or all combinations of attributes; of very many combinations, a random choice."""
    name = LABELS[UNIFORM]
    if not dataset.attributes:
        return LabelLaw(name, lambda count: in_proportion(torch.ones(len(dataset.classes)), count))
    choices = [_choices(part, len(dataset.attributes)) for part in Conditions.of(dataset).group_ranges]
    combinations = math.prod(map(len, choices))
    if combinations > MOST_COMBINATIONS:
        return LabelLaw(name, lambda count: _random_combinations(dataset, count))
    rows = torch.stack([torch.stack(rows).sum(0) for rows in itertools.product(*choices)])
    return LabelLaw(
        f"{name} over {combinations} combinations",
        lambda count: rows[in_proportion(torch.ones(combinations), count)],
    )


def _choices(part: range, width: int) -> list[Tensor]:
    """The values that a group of attributes can have, float32 rows of ``width``: one of the group, or yes and no."""
    rows = torch.eye(width)[part.start : part.stop]
    return [torch.zeros(width), rows[0]] if len(part) == 1 else list(rows)


def _random_combinations(dataset: Dataset, count: int) -> Tensor:
    """Each attribute of a group equally often, and single attributes for half of all."""
    conditions, generator = Conditions.of(dataset), torch.Generator().manual_seed(SEED)
    rows = torch.zeros(count, len(dataset.attributes))
    for part in conditions.group_ranges:
        drawn = torch.randint(max(2, len(part)), (count,), generator=generator)
        if len(part) == 1:
            rows[:, part[0]] = drawn.float()
        else:
            rows[torch.arange(count), drawn + part[0]] = 1
    return rows


def _from_file(path: Path, conditions: Conditions) -> LabelLaw:
    """The labels of a file in their order, again from its beginning when they are used up."""
    try:
        content = path.read_bytes()
        lines = content.decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise _problem(f"cannot read {path}: {reason}") from error
    digest = hashlib.sha256(content).hexdigest()[:8]
    name = f"{path.name}@{digest}"
    if (table := _table(path, lines, conditions)) is not None:
        return LabelLaw(name, lambda count: table[torch.arange(count) % len(table)])
    rows = []
    for number, line in enumerate(lines, 1):
        if text := line.strip():
            try:
                rows.append(conditions.parse(text, 1, seed=number))
            except UnknownLabel as error:
                raise _problem(f"{path}:{number}: {error}") from error
    if not rows:
        raise _problem(f"{path} names no label")
    labels = torch.cat(rows)
    return LabelLaw(name, lambda count: labels[torch.arange(count) % len(labels)])


def _table(path: Path, lines: list[str], conditions: Conditions) -> Tensor | None:
    """The rows of a table of attributes, float32 N,A; None if the file is none: its second line names them."""
    width = len(conditions.attributes)
    if not width or len(lines) < 3 or not lines[0].strip().isdigit():
        return None
    given = lines[1].replace(",", " ").split()
    if len(given) != width:
        raise _problem(f"{path}:2: names {len(given)} attributes, and the data has {width}")
    rows = []
    for number, line in enumerate(lines[2:], 3):
        if values := line.replace(",", " ").split()[-width:]:
            try:
                rows.append([float(value) for value in attribute_row(values, width)])
            except ValueError as error:
                expected = f"must have 0 or 1 for each of the {width} attributes, and {error}"
                raise _problem(f"{path}:{number}: {expected}") from error
    if not rows:
        raise _problem(f"{path} names no label")
    return torch.tensor(rows)


def _problem(message: str) -> RecipeError:
    return RecipeError(
        [Problem("recipe", "evaluate.labels", message, "a class, or attributes with commas, a line")]
    )
