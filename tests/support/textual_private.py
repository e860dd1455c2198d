"""Private parts of Textual that only tests use; gentui's own are in ``gentui.tui.textual_private``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.notifications import Notification
from textual.strip import Strip


def screen_strips(app: App[Any]) -> Sequence[Strip]:
    """Return the lines of the screen as they were composed last. ``export_screenshot`` only gives an SVG."""
    return app.screen._compositor.render_strips()


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
