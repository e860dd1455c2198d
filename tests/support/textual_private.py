"""Private parts of Textual that only tests use; gentui's own are in ``gentui.tui.textual_private``."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.segment import Segment
from textual import events
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.notifications import Notification
from textual.screen import Screen
from textual.strip import Strip


def screen_strips(app: App[Any]) -> Sequence[Strip]:
    """Return the lines of the screen as they were composed last. ``export_screenshot`` only gives an SVG."""
    return app.screen._compositor.render_strips()


def written_spans(lines: Sequence[str], spans: list[tuple[int, int, int]]) -> str:
    """What is written to the terminal when of these lines the spans (row, first column, column behind) are painted."""
    update = ChopsUpdate(
        [{0: Strip([Segment(line)])} for line in lines], spans, [[len(line)] for line in lines]
    )
    return update.render_segments(Console(force_terminal=True))


def notices(app: App[Any]) -> list[Notification]:
    """Return the notices shown now, oldest first."""
    return list(app._notifications)


def show_notices(app: App[Any]) -> None:
    """Show notices also in an app run without them (``run_test(notifications=False)``)."""
    app._disable_notifications = False


def driver(app: App[Any]) -> Driver:
    """Return the driver of an app that runs. Events sent by it come as those of a terminal do."""
    assert app._driver is not None
    return app._driver


def resize_terminal(app: App[Any], size: Size) -> None:
    """Have the terminal report another size. ``Pilot.resize_terminal`` also waits for the app to come to rest."""
    driver(app)._size = size  # type: ignore[attr-defined]


def send_key(app: App[Any], key: str) -> None:
    """Send a key by its name, as ``Pilot.press`` does, which also waits until the processor seems to be idle."""
    name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
    try:
        character = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(name, name)))
    except KeyError:
        character = name if len(name) == 1 else None
    event = events.Key(name, character)
    event.set_sender(app)
    driver(app).send_message(event)


def send_paste(app: App[Any], text: str) -> None:
    """Send text that is pasted."""
    event = events.Paste(text)
    event.set_sender(app)
    driver(app).send_message(event)


def is_drawing_due(screen: Screen[Any]) -> bool:
    """Return whether the screen is to be laid out or drawn, or calls something back then, at its timer's next beat."""
    is_dirty = (
        screen._layout_required or screen._scroll_required or screen._repaint_required
        or screen._dirty_widgets or screen._recompose_required
    )  # fmt: skip
    return bool(screen.is_current and not screen.app._batch_count and is_dirty) or bool(screen._callbacks)


def is_resize_due(app: App[Any]) -> bool:
    """Return whether the screens have yet to learn of a new size: they do a few milliseconds later."""
    return app._resize_event is not None


def is_batching(app: App[Any]) -> bool:
    """Return whether the app lays out and draws nothing until a change of screens is complete."""
    return bool(app._batch_count)


def draw_now(screen: Screen[Any]) -> None:
    """Do at once what the screen would do at its timer's next beat."""
    screen._on_timer_update()
