"""Files of image attributes: the text format of CelebA and the Cartoon Set, and the same as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.data.dataset import DataError, printable
from engine.settings.diagnostics import quoted

T = TypeVar("T")

_LIMIT = 1 << 28
_VALUES = {"1": 1, "0": 0, "-1": 0}


@dataclass(frozen=True)
class Attributes:
    """Attributes of images. ``rows`` has, by image name, a byte of 0 or 1 for each of ``names``; ``promised`` is the
    number of images that the file announces, or None."""

    names: tuple[str, ...]
    rows: dict[str, bytes]
    promised: int | None


def read_attributes(path: Path) -> Attributes:
    """Read a file of attributes, separated by spaces or commas.

    The first line, which may be missing, has the number of images; the next the attributes' names; every further
    line an image's name, then 1 (has it), 0 or -1 (has not) for each attribute.

    Raises DataError naming the first malformed line.
    """
    numbered = _lines(path)
    promised = None
    if numbered and numbered[0][1].isdigit():
        promised = int(numbered.pop(0)[1])
    if len(numbered) < 2:
        raise DataError(f"{printable(path)} cannot be used: it names no attributes, or no images")
    comma = "," if "," in numbered[0][1] else None
    names = [name.strip() for name in numbered[0][1].split(comma)]
    if comma and len(numbered[1][1].split(comma)) == len(names):  # the column of image names has a heading too
        names = names[1:]
    rows = {}
    for number, line in numbered[1:]:
        name, *values = line.rsplit(comma, len(names))
        try:
            rows[name.strip()] = attribute_row(values, len(names))
        except ValueError as error:
            raise DataError(f"line {number} of {printable(path)} {error}") from None
    return Attributes(tuple(printable(name, 80) for name in names), rows, promised)


def attribute_row(values: Sequence[str], count: int) -> bytes:
    """The attributes of an image, a byte of 0 or 1 for each of ``count``, from the words 1, 0 and -1.

    Raises ValueError with what is wrong with the line, as the end of a sentence.
    """
    words = [value.strip() for value in values]
    if (unknown := next((word for word in words if word not in _VALUES), None)) is not None:
        raise ValueError(f"has {quoted(unknown)} where 1, 0 or -1 belongs")
    if len(words) != count:
        raise ValueError(f"has {len(words)} values for {count} attributes")
    return bytes(_VALUES[word] for word in words)


def read_partition(path: Path) -> dict[str, str]:
    """Read CelebA's partition, text or CSV: the split of each image by name. Raises DataError."""
    return read_words(path, {"0": "train", "1": "validation", "2": "test"}, "0, 1 or 2")


def read_words(path: Path, meanings: Mapping[str, T], expected: str) -> dict[str, T]:
    """Read lines of an image's name and a word, and look the words up in ``meanings``: by image name.

    ``expected`` describes the valid words in messages. Raises DataError naming the first line with another word.
    """
    words = {}
    for number, line in _lines(path):
        *name, word = line.replace(",", " ").rsplit(None, 1)
        if name and word in meanings:
            words[name[0]] = meanings[word]
        elif number > 1:  # a CSV file has a heading
            raise DataError(f"line {number} of {printable(path)} has {quoted(word)} where {expected} belongs")
    return words


def _lines(path: Path) -> list[tuple[int, str]]:
    """Line numbers (from 1) and texts of all lines that are not blank."""
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except OSError as error:
        raise DataError(f"{printable(path)} cannot be read: {error.strerror}") from error
    if len(content) > _LIMIT:
        raise DataError(f"{printable(path)} is larger than {_LIMIT >> 20} MiB: it is no file of attributes")
    text = content.decode("utf-8-sig", "surrogateescape")
    return [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
