"""The filter language for runs, used by the app and the command line.

    fashion status:running optim.lr>=1e-3 fid<60 -tag:x

A word matches a run's names. ``key:value`` matches a text that contains the value or a number equal to it; ``=`` and
``!=`` compare the whole value; ``<``, ``<=``, ``>``, ``>=`` compare numbers. A comma means or, a leading ``-`` means
not, quotes keep a text together; ``|`` or ``OR`` between whole filters means that one of them must match; ``has:key``
matches runs that have a value. A key is one of ``FIELDS``, a metric or score, or a setting: in full as ``optim.lr``,
or by its last part if only one table has it. Of a score the run's best counts, of another metric its last value. A
missing value matches nothing, so a term with ``-`` matches.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from engine.runs.directory import STATUSES
from gentui.text.numbers import real
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from gentui.index import RunRow

Value = str | float | bool | Sequence[Any] | None
Getter = Callable[["RunRow"], Value]

_TEXTS: dict[str, Getter] = {
    "status": lambda run: run.status,
    "dataset": lambda run: run.dataset,
    "family": lambda run: run.family,
    "recipe": lambda run: run.recipe,
    "tag": lambda run: run.tags,
    "name": lambda run: run.name,
    "note": lambda run: run.notes,
    "device": lambda run: run.place,
    "alarms": lambda run: [word for alarm in run.alarms for word in alarm],
    "reason": lambda run: run.reason,
    "id": lambda run: run.id,
    "title": lambda run: run.title,
    "quick": lambda run: run.quick,
}
_NUMBERS: dict[str, Getter] = {
    "step": lambda run: run.step,
    "steps": lambda run: run.steps,
    "seconds": lambda run: run.seconds,
    "speed": lambda run: run.images_per_s,
    "eta": lambda run: run.eta_s,
    "seed": lambda run: run.seed,
    "images": lambda run: run.images,
    "parameters": lambda run: run.parameters,
    "attempt": lambda run: run.attempt,
    "alarms": lambda run: run.alerts,
}
_ALIASES = {
    "data": "dataset", "tags": "tag", "notes": "note", "alarm": "alarms", "time": "seconds", "run": "id",
    "images_per_s": "speed", "params": "parameters",
}  # fmt: skip
_DURATIONS = {"seconds", "eta"}
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
FIELDS = tuple(dict.fromkeys([*_TEXTS, *_NUMBERS]))
_TOKEN = re.compile(r'-?(?:[^\s"]|"[^"]*"?)+')
_TERM = re.compile(r"([^\W\d][\w./-]*?)(>=|<=|!=|:|=|<|>)(.*)", re.DOTALL)
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


LAST = "last."
"""Before the name of a metric: its last value."""


@dataclass(frozen=True)
class FilterKeys:
    """The keys of metrics, scores and settings that any run has. ``numbers``: those that are numbers in some run;
    ``short``: full keys of settings by their last part."""

    keys: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    short: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Iterable[RunRow]) -> FilterKeys:
        metrics: set[str] = set()
        settings: set[str] = set()
        numbers: set[str] = set()
        seen: set[int] = set()
        for run in runs:
            metrics.update(run.metrics, run.scores)
            if id(run.settings) in seen:  # many runs share their settings
                continue
            seen.add(id(run.settings))
            settings.update(run.settings)
            numbers.update(key for key, value in run.settings.items() if _is_number(value))
        short: dict[str, tuple[str, ...]] = {}
        for key in sorted(settings):
            last = key.rpartition(".")[2]
            short[last] = (*short.get(last, ()), key)
        return cls(frozenset(metrics | settings), frozenset(metrics | numbers), short)

    def and_of(self, runs: Iterable[RunRow]) -> FilterKeys:
        """These keys and those of further runs. Cheap if few of many runs have changed."""
        more = FilterKeys.of(runs)
        if more.keys <= self.keys and more.numbers <= self.numbers:
            return self
        short = {
            last: tuple(sorted({*self.short.get(last, ()), *more.short.get(last, ())}))
            for last in self.short.keys() | more.short.keys()
        }
        return FilterKeys(self.keys | more.keys, self.numbers | more.numbers, short)


@dataclass(frozen=True)
class Filter:
    """A parsed filter. ``mistakes`` are sentences about invalid terms, which ``matches`` ignores."""

    terms: tuple[Callable[[RunRow], bool], ...] = ()
    mistakes: tuple[str, ...] = ()

    @property
    def mistake(self) -> str:
        """The first one; "" for none."""
        return self.mistakes[0] if self.mistakes else ""

    def matches(self, run: RunRow) -> bool:
        return all(term(run) for term in self.terms)


class _Mistake(ValueError):
    pass


def key_of(word: str, known: FilterKeys) -> str:
    """The full key for a word: a field, a setting or a metric. Raises ValueError with a sentence.

    The last part of a setting that is a number means the setting, also where a metric has that name: ``lr`` is
    ``optim.lr``, and ``last.lr`` the metric.
    """
    key = _ALIASES.get(word.lower(), word)
    if key in FIELDS or (key.startswith(LAST) and key.removeprefix(LAST) in known.keys):
        return key
    meant = known.short.get(key, ())
    numbers = [setting for setting in meant if setting in known.numbers]
    if len(numbers) == 1 and key in known.keys:
        return numbers[0]
    if key in known.keys:
        return key
    if len(meant) > 1:
        raise _Mistake(f"{key} may mean {' or '.join(meant)}")
    if not meant:
        near = difflib.get_close_matches(key, [*FIELDS, *sorted(known.keys), *known.short], n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise _Mistake(f"no run has a setting or score called {key!r}{hint}")
    return meant[0]


def getter(key: str) -> Getter:
    """A function from a run to its value of a key, or None if it has none."""
    if key in FIELDS:
        return _NUMBERS.get(key) or _TEXTS[key]

    if key.startswith(LAST):
        return lambda run: run.metrics.get(key.removeprefix(LAST))

    def get(run: RunRow) -> Value:
        for values in (run.scores, run.metrics, run.settings):
            if key in values:
                return values[key]
        return None

    return get


def sort_key(key: str) -> Callable[[RunRow], Any]:
    """A sort key for the values of any type that runs have of a full key: numbers first; None where there is none."""
    get = getter(key)

    def place(run: RunRow) -> tuple[bool, float, str] | None:
        value = get(run)
        if value is None or value != value:
            return None
        number = real(int(value) if isinstance(value, bool) else value)
        return (number is None, number or 0.0, "" if number is not None else str(value))

    return place


def parse(text: str, known: FilterKeys) -> Filter:
    """Parse a filter. Never raises: see ``Filter.mistakes``."""
    ways: list[list[Callable[[RunRow], bool]]] = [[]]
    mistakes: list[str] = []
    for token in _TOKEN.findall(text):
        if token in ("|", "OR"):
            ways.append([])
            continue
        bare = token.removeprefix("-")
        if not bare.strip('"'):
            continue  # an unfinished term
        try:
            term = _term(bare, known)
        except _Mistake as mistake:
            mistakes.append(clean(mistake, 300))
            continue
        ways[-1].append(_not(term) if token != bare else term)
    ways = [way for way in ways if way]
    terms = ways[0] if len(ways) == 1 else [lambda run: any(all(term(run) for term in way) for way in ways)]
    return Filter(tuple(terms if ways else ()), tuple(mistakes))


def words_of(run: RunRow) -> str:
    """The text in which words are searched."""
    parts = (
        run.id,
        run.name,
        run.recipe,
        run.title,
        run.dataset,
        run.status,
        run.device,
        run.family,
        *run.tags,
    )
    return " ".join(parts).lower()


def _not(term: Callable[[RunRow], bool]) -> Callable[[RunRow], bool]:
    return lambda run: not term(run)


def _term(token: str, known: FilterKeys) -> Callable[[RunRow], bool]:
    found = _TERM.fullmatch(token)
    if found is None:
        word = token.replace('"', "").lower()
        return lambda run: word in words_of(run)
    key, sign, value = found.groups()
    key, value = _ALIASES.get(key.lower(), key), value.replace('"', "")
    alternatives = [part for part in value.split(",") if part]
    if not alternatives:
        raise _Mistake(f"{key}{sign} wants a value after it")
    if key == "has":
        values = [_getter(_ALIASES.get(name.lower(), name), ":", [], known)[0] for name in alternatives]
        return lambda run: any(get(run) not in (None, "", []) for get in values)
    get, is_number = _getter(key, sign, alternatives, known)
    if sign in _ORDERS:
        if not is_number:
            raise _Mistake(f"{key} is a text and cannot be compared: write {key}:{value}")
        order, limits = _ORDERS[sign], [_number(key, part) for part in alternatives]
        return lambda run: _is_number(v := get(run)) and any(order(v, limit) for limit in limits)
    if is_number and key in _NUMBERS:
        for part in alternatives:
            _number(key, part)
    if key == "status":
        _check_status(alternatives)
    term = _equal(get, [part.lower() for part in alternatives], sign, key in _DURATIONS, prefix=key == "status")
    return _not(term) if sign == "!=" else term


def _getter(key: str, sign: str, alternatives: list[str], known: FilterKeys) -> tuple[Getter, bool]:
    """A function from a run to its value, and whether that is a number."""
    if key == "alarms":  # how many there are, or which
        counts = sign in _ORDERS or all(part.isdigit() for part in alternatives)
        return (_NUMBERS if counts else _TEXTS)[key], counts
    if key in _TEXTS:
        return _TEXTS[key], False
    if key in _NUMBERS:
        return _NUMBERS[key], True
    key = key_of(key, known)
    return getter(key), key in known.numbers or key.startswith(LAST)


def _equal(
    get: Getter, alternatives: list[str], sign: str, durations: bool, prefix: bool
) -> Callable[[RunRow], bool]:
    numbers = [n for part in alternatives if (n := _parsed(part, durations)) is not None]

    def one(value: Any) -> bool:
        if value is None:
            return False
        if isinstance(value, bool):
            return ("true" if value else "false") in alternatives or ("yes" if value else "no") in alternatives
        if (as_float := real(value)) is not None:
            return any(math.isclose(as_float, n, rel_tol=1e-9) for n in numbers)
        if isinstance(value, list | tuple):
            return any(one(item) for item in value)
        text = str(value).lower()
        if sign != ":":
            return text in alternatives
        return any(text.startswith(part) if prefix else part in text for part in alternatives)

    return lambda run: one(get(run))


def _check_status(alternatives: list[str]) -> None:
    for part in alternatives:
        if not any(status.startswith(part.lower()) for status in STATUSES):
            raise _Mistake(f"no status is called {part!r}: they are {', '.join(STATUSES)}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parsed(text: str, durations: bool) -> float | None:
    scale = 1.0
    if durations and text[-1:] in _UNITS:
        scale, text = _UNITS[text[-1]], text[:-1]
    try:
        return float(text.replace("_", "")) * scale
    except ValueError:
        return None


def _number(key: str, text: str) -> float:
    number = _parsed(text, key in _DURATIONS)
    if number is None or math.isnan(number):
        unit = " (or a time, as 90s, 5m, 2h)" if key in _DURATIONS else ""
        raise _Mistake(f"{key} is a number{unit}, and {text!r} is none")
    return number
