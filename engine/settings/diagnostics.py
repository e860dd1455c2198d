"""Diagnostics of recipes: each problem with its place, key, description and remedy. Torch-free."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel
from pydantic_core import ErrorDetails

KeyPath = tuple[str, ...]
_PLAIN_WORDS = {"a valid integer": "a whole number", "a valid boolean": "true or false", "valid ": ""}
"""Words of pydantic's messages, and the words that replace them."""


@dataclass(frozen=True)
class Problem:
    """One problem: its place (``file:line`` or ``-o key=value``), the key, what is wrong, and how to mend it."""

    where: str
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.key}: {self.message}" if self.key else f"{self.where}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class RecipeError(Exception):
    """A recipe with problems: all of them, not only the first."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = list(problems)
        super().__init__("\n".join(map(str, problems)))

    @property
    def one_line(self) -> str:
        """All problems in one line without their places, for values that come from options or a form."""
        messages = (f"{p.key}: {p.message}" if p.key else p.message for p in self.problems)
        hints = (f" ({p.hint})" if p.hint else "" for p in self.problems)
        return "; ".join(text + hint for text, hint in zip(messages, hints, strict=True))


@dataclass
class Source:
    """Where each key was set: the lines of the file, keys set by options or a form, and keys set by [quick]."""

    file: str = ""
    lines: dict[KeyPath, int] = field(default_factory=dict)
    overridden: dict[str, str] = field(default_factory=dict)
    from_quick: set[KeyPath] = field(default_factory=set)

    def where(self, path: KeyPath) -> str:
        """The option that set a key, or ``file:line`` of the key or of the nearest table around it."""
        for depth in range(len(path), 0, -1):
            at = path[:depth]
            if origin := self.overridden.get(".".join(at)):
                return origin
            if at in self.from_quick and ("quick", *at) in self.lines:
                return f"{self.file}:{self.lines['quick', *at]}"
            if at in self.lines:
                return f"{self.file}:{self.lines[at]}"
        return f"{self.file}:1" if self.file else "form"


def quoted(value: object) -> str:
    """A value as messages quote it, at most 60 characters."""
    if value is None:
        return "empty"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


NAMED = 3
"""How many of many names a message lists."""


def some_of(names: Sequence[object], count: int | None = None) -> str:
    """The first of many names, quoted, and how many more there are; ``count`` is the number of all of them, if not
    all are given."""
    total = len(names) if count is None else count
    more = f" and {total - NAMED:,} more" if total > NAMED else ""
    return ", ".join(quoted(name) for name in names[:NAMED]) + more


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """A hint such as ``did you mean 'lr'?``; "" if none of the options is similar."""
    close = difflib.get_close_matches(word, list(options), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""


def syntax_problem(file: str, error: Exception) -> Problem:
    """The problem of a text that is not valid TOML."""
    if isinstance(error, RecursionError):
        return Problem(file, "", "not valid TOML: nested too deeply")
    message, separator, place = str(error).partition(" (at line ")
    where = f"{file}:{place.split(',')[0]}" if separator else file
    return Problem(where, "", f"not valid TOML: {message}")


def problem_from_pydantic(error: ErrorDetails, at: KeyPath, cls: type[BaseModel], source: Source) -> Problem:
    """One pydantic error in the table ``at``, in plain words."""
    loc = tuple(str(part) for part in error["loc"])
    path = at + loc
    where, key = source.where(path), ".".join(path)
    given, context = error.get("input"), error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return Problem(where, key, "unknown key", did_you_mean(loc[-1], cls.model_fields))
        case "missing":
            return Problem(where, key, "is required")
        case "value_error":
            return Problem(where, key, error["msg"].removeprefix("Value error, "))
        case "literal_error":
            words = [word.strip(" '") for word in context["expected"].replace(" or ", ",").split(",")]
            hint = did_you_mean(str(given), words)
            return Problem(where, key, f"must be {context['expected']}, not {quoted(given)}", hint)
        case "model_type" | "dict_type":
            return Problem(where, key, f"must be a table, not {quoted(given)}")
        case "string_pattern_mismatch" if key == "name":
            hint = "lower-case letters, digits, dots, dashes and underscores, at most 64"
            return Problem(where, key, f"is not a name: {quoted(given)}", hint)
        case "too_short":
            return Problem(where, key, f"needs at least {_values(context['min_length'])}, not {quoted(given)}")
        case "too_long":
            return Problem(where, key, f"takes at most {_values(context['max_length'])}, not {quoted(given)}")
    message = error["msg"].removeprefix("Input ")
    for technical, plain in _PLAIN_WORDS.items():
        message = message.replace(technical, plain)
    return Problem(where, key, f"{message}, not {quoted(given)}")


def _values(count: int) -> str:
    return f"{count} value" if count == 1 else f"{count} values"
