"""Faults of Textual 8.2.8, patched, and work that it need not do. Delete a patch once the pinned version no longer has
its fault."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from textual._compositor import ChopsUpdate
from textual.await_complete import AwaitComplete
from textual.cache import FIFOCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import OptionList

_move_page = OptionList._move_page


def _move_page_after_layout(self: OptionList, direction: Any) -> None:
    """A page key that arrives before a list's first layout raises KeyError: ignore it."""
    if self._index_to_line:
        _move_page(self, direction)


def dismiss_once(self: Screen[Any], result: Any = None) -> AwaitComplete:
    """Dismiss a dialog. A second answer, given before the first has closed the dialog, is ignored (Textual would close
    the screen below), and so is the answer of a dialog that is covered by another (it can be given again later)."""
    if not self.is_active or getattr(self, "_is_answered", False):
        return AwaitComplete.nothing()
    self._is_answered = True  # pyright: ignore[reportAttributeAccessIssue]
    return Screen.dismiss(self, result)


def _render_spans(self: ChopsUpdate, console: Console) -> str:
    """Textual writes each stretch of a line that has changed from the left edge of its widget on, which of the end of a
    curve is the whole chart: begin where it begins."""
    written: list[str] = []
    last = self.spans[-1][0]
    for y, x1, x2 in self.spans:
        for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
            if strip is None or x >= x2 or end <= x1:
                continue
            start = max(x, x1)
            cropped = strip.crop(start - x, min(end, x2) - x)
            written += (Control.move_to(start, y).segment.text, cropped.render(console))
        if y != last:
            written.append("\n")
    return "".join(written)


_STRIP_CACHES = {
    "_divide_cache": 4, "_crop_cache": 16, "_style_cache": 16, "_filter_cache": 4, "_line_length_cache": 4,
    "_crop_extend_cache": 4, "_offsets_cache": 4,
}  # fmt: skip


def _init_strip(self: Strip, segments: Iterable[Segment], cell_length: int | None = None) -> None:
    """Each line on the screen gets seven caches, of which it uses one or two: they are made when they are asked for."""
    self._segments = list(segments)
    self._cell_length = cell_length
    self._render_cache = self._link_ids = self._cell_count = None


def _strip_cache(self: Strip, name: str) -> FIFOCache[Any, Any]:
    """Called for an attribute that is not set."""
    if name not in _STRIP_CACHES:
        raise AttributeError(name)
    cache: FIFOCache[Any, Any] = FIFOCache(_STRIP_CACHES[name])
    setattr(self, name, cache)
    return cache


_parse_rules = Stylesheet._parse_rules
_parsed: dict[Any, list[RuleSet]] = {}
_numbers: dict[frozenset[tuple[str, str]], int] = {}
_asked_last: list[Any] = [None, 0]


def _number_of(variables: dict[str, str]) -> int:
    """A number for variables of style sheets, the same for equal ones; those asked for last are known by identity."""
    if _asked_last[0] is not variables:
        _asked_last[:] = variables, _numbers.setdefault(frozenset(variables.items()), len(_numbers))
    return _asked_last[1]


def _parse_rules_once(self: Stylesheet, *sheet: Any, **options: Any) -> list[RuleSet]:
    """Textual parses all sheets anew for the first frame's theme, and again for each screen that has one of its own.
    Rules are never changed: those of a sheet, with the same variables, are kept."""
    key = (sheet, *options.items(), _number_of(self._variables))
    if key not in _parsed:
        _parsed[key] = _parse_rules(self, *sheet, **options)
    return _parsed[key]


def apply() -> None:
    """Patch Textual's classes. Applying the patches again changes nothing."""
    Strip.__init__ = _init_strip
    Strip.__getattr__ = _strip_cache  # type: ignore[attr-defined]
    RuleSet.__hash__ = (
        object.__hash__
    )  # it is the identity as well, without a call in Python for each of millions
    ChopsUpdate.render_segments = _render_spans
    Stylesheet._parse_rules = _parse_rules_once
    OptionList._move_page = _move_page_after_layout
