"""What is patched in Textual gives what it gave."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.strip import Strip

from gentui.tui.textual_private import patches


@pytest.fixture(autouse=True)
def patched():
    patches.apply()


def test_a_line_makes_its_caches_when_they_are_asked_for():
    strip = Strip([Segment("one two", Style(bold=True)), Segment(" three")])
    for name in patches._STRIP_CACHES:
        with pytest.raises(AttributeError):
            vars(Strip)[name].__get__(strip)
    assert strip.crop(2, 9).text == "e two t" and strip.crop(2, 9) is strip.crop(2, 9)
    assert [part.text for part in strip.divide([3, 13])] == ["one", " two three"]
    assert strip.extend_cell_length(20).cell_length == 20 and strip.cell_length == 13
    assert strip == Strip(strip, 13)
    with pytest.raises(AttributeError):
        strip.no_such_thing  # noqa: B018


def test_each_cache_of_textual_is_known():
    """A new version of Textual may have others."""
    made = {name for name in Strip.__slots__ if name.endswith("_cache")} - {"_render_cache"}
    assert made == set(patches._STRIP_CACHES)


def test_rules_are_told_apart_by_identity():
    one, other = RuleSet(), RuleSet()
    assert len({one, other, one}) == 2


def test_a_sheet_is_parsed_once_for_the_same_variables():
    def rules(colour: str, css: str = "Static { color: $accent; }") -> list[RuleSet]:
        sheet = Stylesheet(variables={"accent": colour})
        sheet.add_source(css, ("here", ""))
        sheet.reparse()
        return sheet.rules

    (red,), (again,), (blue,) = rules("red"), rules("red"), rules("blue")
    assert red is again and red.styles.color.hex == "#FF0000" and blue.styles.color.hex == "#0000FF"
    assert rules("red", "Static { color: white; }")[0].styles.color.hex == "#FFFFFF"
