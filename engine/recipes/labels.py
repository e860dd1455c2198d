"""What images can be asked for by, in words: classes, or attributes in one-hot groups. Torch-free: the app asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self

from engine.settings.diagnostics import did_you_mean


class UnknownLabel(Exception):
    """A label a person asked for that the data does not have; the message lists those there are."""


def group_ranges(groups: Sequence[int], count: int) -> list[range]:
    """``count`` attributes by number, group by group; every one is its own where there are no ``groups``."""
    sizes = groups or (1,) * count
    return [range(end - size, end) for size, end in zip(sizes, accumulate(sizes), strict=True)]


@dataclass(frozen=True)
class Labels:
    """``groups`` are the sizes of the one-hot groups the attributes come in; empty: each stands alone."""

    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.classes or self.attributes)

    @property
    def group_ranges(self) -> list[range]:
        """The attributes of each group, by number."""
        return group_ranges(self.groups, len(self.attributes))

    def indices(self, text: str) -> list[int]:
        """The number of a class, or those of attributes, by the names in ``text``. Raises UnknownLabel."""
        if self.classes:
            return [self._class(text)]
        wanted = [self._attribute(name) for name in text.split(",") if name.strip()]
        for part in self.group_ranges:
            if len(part) > 1 and len(excluding := [index for index in wanted if index in part]) > 1:
                names = " and ".join(self.attributes[index] for index in excluding)
                raise UnknownLabel(f"{names} exclude each other")
        return wanted

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
    def of(cls, source: Any) -> Self:
        """From anything with the three fields as attributes or keys."""
        get = source.get if isinstance(source, dict) else lambda key, default: getattr(source, key, default)
        return cls(*(tuple(get(key, ())) for key in ("classes", "attributes", "groups")))
