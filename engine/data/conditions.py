"""What images can be asked for by, as tensors: names in, labels out."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.recipes.labels import Labels


class Conditions(Labels):
    """The labels of a data set, made and read."""

    def grid_rows(self, count: int) -> Tensor:
        """Labels of ``count`` rows of a grid: int64 N, or float32 N,A. Fewer where there are fewer classes.

        Every row steps on in every group; a group is set off by one whenever those before it have been gone
        through, so that all combinations come in time.
        """
        if self.classes:
            return torch.arange(min(count, len(self.classes)))
        rows = torch.zeros(count, len(self.attributes))
        for row in range(count):
            stride = count
            for part in self.group_ranges:
                choices = max(2, len(part))  # one that stands alone is there or not
                choice = (row + row // stride) % choices
                stride = choices if stride == count else stride * choices
                if len(part) > 1 or choice:
                    rows[row, part[choice if len(part) > 1 else 0]] = 1
        return rows

    def parse(self, text: str, count: int, seed: int = 0) -> Tensor:
        """Labels for ``count`` images that all are ``text``: a class by name or number, or attributes by name,
        separated by commas; a group nothing is said of is drawn per image from ``seed``. Raises UnknownLabel.
        """
        wanted = self.indices(text)
        if self.classes:
            return torch.full((count,), wanted[0])
        return self._with(wanted, count, seed)

    def any_labels(self, count: int, seed: int = 0) -> Tensor:
        """Labels for ``count`` images of any kind: the classes in turn, or drawn attributes."""
        if self.classes:
            return torch.arange(count) % len(self.classes)
        return self._with([], count, seed)

    def describe(self, row: Tensor) -> str:
        """One label, for a person."""
        if self.classes:
            return self.classes[int(row)]
        return ", ".join(name for name, has in zip(self.attributes, row.tolist(), strict=True) if has > 0.5)

    def _with(self, wanted: list[int], count: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        rows = torch.zeros(count, len(self.attributes))
        for part in self.group_ranges:
            if chosen := [index for index in wanted if index in part]:
                rows[:, chosen[0]] = 1
            elif len(part) > 1:
                drawn = torch.randint(len(part), (count,), generator=generator) + part[0]
                rows[torch.arange(count), drawn] = 1
        return rows
