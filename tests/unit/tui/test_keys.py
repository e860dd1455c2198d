"""The table of keys: nothing stands twice, nothing hides anything, everything does something."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from gentui.config import key_table
from gentui.tui.screens.help import help_text
from gentui.tui.widgets.lines import Lines
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.table import Table
from gentui.tui.workbench import GentuiApp
from tests.support.keys import BY_FOCUS
from tests.support.screens import SCREENS

DIALOGS = {
    "choose",
    "copy",
    "jump",
    "evaluate",
    "export",
    "find",
    "help",
    "confirm",
    "notice",
    "overlay",
    "preferences",
    "prompt",
}
FOCUSED = {
    "home": [Table],
    "runs": [Table],
    "leaderboard": [Table],
    "compare": [Table],
    "machine": [Table],
    "run": [Lines],
    "form": [SettingsForm],
    "playground": [SettingsForm],
}


def strokes(context: str) -> list[tuple[str, key_table.Key]]:
    return [(stroke, key) for key in key_table.keys_of(context) for stroke in key.keys.split(",")]


def test_every_context_has_a_screen():
    assert set(SCREENS) | {"app"} == set(key_table.CONTEXTS) == {key.context for key in key_table.TABLE}


def test_ids_are_unique():
    assert len(key_table.BY_ID) == len(key_table.TABLE)


@pytest.mark.parametrize("context", key_table.CONTEXTS)
def test_no_key_stands_twice_where_it_works(context: str):
    here = strokes(context)
    if context not in DIALOGS | {"app"}:
        here += strokes("app")
    for (a, one), (b, other) in combinations(here, 2):
        assert a != b, f"{a!r} is both {one.id} and {other.id}"


STILL_AMBIGUOUS = {
    "J": {"home.preview_down", "playground.real_down", "runs.later", "run.log_next"},
    "K": {"home.preview_up", "playground.real_up", "runs.earlier", "run.log_back"},
    "b": {"home.best", "compare.baseline", "playground.beside", "leaderboard.against"},
    "c": {"runs.columns", "run.charts", "compare.charts", "machine.charts"},
    "n": {"run.newest", "picture.newest", "compare.newest", "playground.another"},
    "o": {"runs.sort", "run.settings", "compare.settings", "machine.order"},
    "p": {"home.preview", "runs.pane", "run.strip", "picture.strip", "features.next"},
    "s": {"run.samples", "leaderboard.samples", "compare.samples", "playground.save"},
    "t": {"home.quick", "run.net"},
}
"""Letters that stand for one thing on one screen and for another on another."""


def test_a_letter_means_the_same_on_every_screen_but_for_those_listed():
    """A new meaning needs another letter; one that is mended leaves the list. Dialogs name their letters themselves."""
    meanings: dict[str, dict[str, set[str]]] = {}
    for key in key_table.TABLE:
        for stroke in key.keys.split(","):
            if len(stroke) == 1 and key.context not in key_table.MODAL:
                meanings.setdefault(stroke, {}).setdefault(key.label, set()).add(key.id)
    found = {
        letter: set().union(*by_label.values()) for letter, by_label in meanings.items() if len(by_label) > 1
    }
    assert found == STILL_AMBIGUOUS


@pytest.mark.parametrize("context", FOCUSED)
def test_no_widget_hides_a_key_of_its_screen(context: str):
    ours = {stroke for stroke, _ in strokes(context) + strokes("app")}
    for widget in FOCUSED[context]:
        for binding in widget.BINDINGS:
            hidden = ours & set(binding.key.split(",")) - BY_FOCUS.get((context, widget.__name__), set())
            assert not hidden, f"{widget.__name__} takes {hidden} away from {context}"


@pytest.mark.parametrize("context", key_table.CONTEXTS)
def test_every_key_has_an_action_that_exists(context: str):
    target = GentuiApp if context == "app" else SCREENS[context]
    for key in key_table.keys_of(context):
        name = re.match(r"\w+", key.action)
        assert name and hasattr(target, f"action_{name[0]}"), key


@pytest.mark.parametrize("context", key_table.CONTEXTS)
def test_every_key_is_in_the_help(context: str):
    text = help_text(context).plain
    for key in key_table.TABLE:
        assert key.label in text
        for stroke in key.keys.split(","):
            assert key_table.display_name(stroke) in text


def test_every_action_has_a_key_that_arrives_in_any_terminal():
    """Ctrl-Q is one more way out only: where flow control takes it, it does nothing."""
    lost = {*key_table.UNRELIABLE, *key_table.ALIASES}
    assert {stroke for key in key_table.TABLE for stroke in key.keys.split(",")} & lost == {"ctrl+q"}
    for key in key_table.TABLE:
        # only terminals that speak kitty's keyboard protocol tell Ctrl-Enter from Enter
        assert set(key.keys.split(",")) - lost - {"ctrl+enter"}, key


@pytest.mark.parametrize("context", sorted(key_table.TEXT_CONTEXTS))
def test_where_text_is_typed_the_key_bar_offers_no_letters(context: str):
    for key in key_table.bar_keys(context):
        assert not any(map(key_table.is_printable, key.keys.split(","))), key


def test_every_key_says_what_it_does():
    for key in key_table.TABLE:
        assert key.label and key.help and len(key.label) <= 16, key


@pytest.mark.parametrize("context", sorted(set(key_table.CONTEXTS) - DIALOGS - {"app"}))
def test_help_and_quit_are_always_offered_last(context: str):
    shown = key_table.bar_keys(context)
    assert [key.id for key in shown[-2:]] == ["app.quit", "app.help"]
    assert [key.rank for key in shown] == sorted(key.rank for key in shown)
