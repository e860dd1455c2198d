"""What images can be asked for by: classes, or attributes in one-hot groups. Names in, tensors out.

Torch is imported where tensors are made: the app checks names, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from engine.problems import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor


class UnknownLabel(Exception):
    """A label a person asked for that the data does not have; the message lists those there are."""


def parts(groups: Sequence[int], count: int) -> list[range]:
    """``count`` attributes by number, group by group; every one is its own where there are no ``groups``."""
    sizes = groups or (1,) * count
    return [range(end - size, end) for size, end in zip(sizes, accumulate(sizes), strict=True)]


@dataclass(frozen=True)
class Conditions:
    """``groups`` are the sizes of the one-hot groups the attributes come in; empty: each stands alone."""

    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.classes or self.attributes)

    @property
    def parts(self) -> list[range]:
        """The attributes of each group, by number."""
        return parts(self.groups, len(self.attributes))

    def rows(self, count: int) -> Tensor:
        """Labels of ``count`` rows of a grid: int64 N, or float32 N,A. Fewer where there are fewer classes.

        Every row steps on in every group; a group is set off by one whenever those before it have been gone
        through, so that all combinations come in time.
        """
        import torch

        if self.classes:
            return torch.arange(min(count, len(self.classes)))
        rows = torch.zeros(count, len(self.attributes))
        for row in range(count):
            stride = count
            for part in self.parts:
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
        import torch

        wanted = self.chosen(text)
        if self.classes:
            return torch.full((count,), wanted[0])
        return self._with(wanted, count, seed)

    def chosen(self, text: str) -> list[int]:
        """The number of a class, or those of attributes, by the names in ``text``. Raises UnknownLabel."""
        if self.classes:
            return [self._class(text)]
        wanted = [self._attribute(name) for name in text.split(",") if name.strip()]
        for part in self.parts:
            if len(part) > 1 and len(excluding := [index for index in wanted if index in part]) > 1:
                names = " and ".join(self.attributes[index] for index in excluding)
                raise UnknownLabel(f"{names} exclude each other")
        return wanted

    def any(self, count: int, seed: int = 0) -> Tensor:
        """Labels for ``count`` images of any kind: the classes in turn, or drawn attributes."""
        import torch

        if self.classes:
            return torch.arange(count) % len(self.classes)
        return self._with([], count, seed)

    def words(self, row: Tensor) -> str:
        """One label, for a person."""
        if self.classes:
            return self.classes[int(row)]
        return ", ".join(name for name, has in zip(self.attributes, row.tolist(), strict=True) if has > 0.5)

    def _with(self, wanted: list[int], count: int, seed: int) -> Tensor:
        import torch

        generator = torch.Generator().manual_seed(seed)
        rows = torch.zeros(count, len(self.attributes))
        for part in self.parts:
            if chosen := [index for index in wanted if index in part]:
                rows[:, chosen[0]] = 1
            elif len(part) > 1:
                drawn = torch.randint(len(part), (count,), generator=generator) + part[0]
                rows[torch.arange(count), drawn] = 1
        return rows

    def _class(self, text: str) -> int:
        names = [name.lower() for name in self.classes]
        if text.lower() in names:
            return names.index(text.lower())
        if text.isdecimal() and int(text) < len(names):
            return int(text)
        known = ", ".join(f"{i} {name}" for i, name in enumerate(self.classes))
        raise UnknownLabel(f"no class {text!r}; classes are {known}")

    def _attribute(self, text: str) -> int:
        names = {name.lower().replace(" ", "_"): i for i, name in enumerate(self.attributes)}
        key = text.strip().lower().replace(" ", "_")
        if key not in names:
            hint = did_you_mean(key, names) or "attributes are " + ", ".join(self.attributes)
            raise UnknownLabel(f"no attribute {text.strip()!r}; {hint}")
        return names[key]

    def state(self) -> dict[str, Any]:
        """For a checkpoint: names as lists."""
        return {
            "classes": list(self.classes),
            "attributes": list(self.attributes),
            "groups": list(self.groups),
        }

    @classmethod
    def of(cls, source: Any) -> Conditions:
        """From anything with the three fields as attributes or keys."""
        get = source.get if isinstance(source, dict) else lambda key, default: getattr(source, key, default)
        return cls(*(tuple(get(key, ())) for key in ("classes", "attributes", "groups")))
