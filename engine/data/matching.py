"""Finding, in a list by image name, the line of each image: names may differ in folder, suffix or capital letters."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from engine.settings.datasets.image_files import ImageFile
from engine.settings.datasets.image_types import SUFFIXES, without_suffix

_SUFFIX = re.compile(
    rb"(?<=[^\s,])(%s)(?![^\s,\"])" % b"|".join(re.escape(s.encode()) for s in SUFFIXES), re.IGNORECASE
)


def match_names(files: Sequence[ImageFile], given: Iterable[str]) -> dict[int, str]:
    """The name in ``given`` of each of ``files`` that has one, by the file's place.

    The path within the set comes first, then the name of the file; names that differ in their suffix or in capital
    letters match where that is not ambiguous. None of ``given`` that matches as it stands is taken for another file.
    """
    names = {*given}
    found: dict[int, str] = {}
    for place, file in enumerate(files):
        for name in (file.name, _base(file.name)):
            if name in names:
                found[place] = name
                break
    left = names - {*found.values()}
    for simplify in (without_suffix, lambda name: without_suffix(name).casefold()):
        if left and len(found) < len(files):
            _match(files, left, simplify, found)
            left -= {*found.values()}
    return found


def _match(
    files: Sequence[ImageFile], left: set[str], simplify: Callable[[str], str], found: dict[int, str]
) -> None:
    """Add to ``found`` the files whose simplified name is that of exactly one of the names left."""
    by_name = {simplify(name): name for name in left}
    several = {key for key, count in Counter(map(simplify, left)).items() if count > 1}
    claims: dict[str, list[int]] = {}
    for place, file in enumerate(files):
        if place in found:
            continue
        for key in (simplify(file.name), simplify(_base(file.name))):
            if key in by_name and key not in several:
                claims.setdefault(by_name[key], []).append(place)
                break
    for name, places in claims.items():
        if len(places) == 1 or without_suffix(name) == name:
            found.update(dict.fromkeys(places, name))


def _base(name: str) -> str:
    return os.path.basename(name)  # noqa: PTH119


def suffixes_differ(files: Sequence[ImageFile], lists: Iterable[Path]) -> bool:
    """Whether files have another suffix than the first image that one of the ``lists`` names: whether names may have to
    match without it. Reads only the beginnings of the lists."""
    for path in lists:
        try:
            with path.open("rb") as stream:
                first = _SUFFIX.search(stream.read(1 << 16))
        except OSError:
            continue
        suffix = os.fsdecode(first[0]) if first else ""
        if not suffix or not all(file.name.endswith(suffix) for file in files):
            return True
    return False
