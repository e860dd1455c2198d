"""Private parts of Textual: the message loop, screens, painting and terminal input."""

from __future__ import annotations

from typing import Any, TextIO

from textual._context import active_message_pump
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget

__all__ = [
    "HookedApp",
    "HookedDriver",
    "HookedScreen",
    "ParseError",
    "XTermParser",
    "current_message_pump",
    "feed_as_typed",
    "has_queued_messages",
    "is_being_removed",
    "is_closing",
    "modes",
    "screen_stacks",
    "write_to_terminal",
]


class HookedApp(App[int]):
    """An app whose subclasses may override how messages are dispatched and exceptions handled.

    Textual has no public hook for either: an exception in a handler always ends the app.
    """

    async def dispatch_message(self, message: Message) -> None:
        """Dispatch a message to the app's handlers. Override to intercept it."""
        await super()._dispatch_message(message)

    async def _dispatch_message(self, message: Message) -> None:
        await self.dispatch_message(message)

    def handle_exception(self, error: Exception) -> None:
        """Handle an exception of a handler, a timer, a worker or of rendering: end the app. Override to survive it."""
        super()._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        self.handle_exception(error)


class HookedScreen(Screen[Any]):
    """A screen whose subclasses may override when it is painted. Textual paints after every layout."""

    @property
    def is_layout_due(self) -> bool:
        """Whether the widgets must be laid out again before they can be painted."""
        return self._layout_required

    def paint(self) -> None:
        """Write to the terminal what has changed. Override to postpone it."""
        super()._compositor_refresh()

    def _compositor_refresh(self) -> None:
        self.paint()


class HookedDriver(LinuxDriver):
    """A terminal driver that writes to a given file. Textual's always writes to stderr."""

    def __init__(self, *arguments: Any, output: TextIO, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = output

    @property
    def is_debugging(self) -> bool:
        """Whether the parser of the input logs what it reads."""
        return self._debug


def current_message_pump() -> MessagePump:
    """Return the app, screen or widget whose message is being handled. Raise LookupError outside a handler."""
    return active_message_pump.get()


def has_queued_messages(pump: MessagePump) -> bool:
    """Return whether messages wait to be handled. Public are only ways to add to the queue."""
    return not pump._message_queue.empty()


def is_being_removed(widget: Widget) -> bool:
    """Return whether the widget is being removed. ``is_attached`` stays true until the removal is complete."""
    return widget._pruning


def is_closing(screen: Screen[Any]) -> bool:
    """Return whether the screen's message loop is ending or the screen is being removed; both precede
    ``is_attached`` turning false."""
    return screen._closing or screen._pruning


def screen_stacks(app: App[Any]) -> dict[str, list[Screen[Any]]]:
    """Return the stack of screens of every mode. ``screen_stack`` is the current mode's only."""
    return app._screen_stacks


def modes(app: App[Any]) -> dict[str, Any]:
    """Return the modes with what makes their base screens. ``MODES`` holds those the class was written with, and not
    what ``add_mode`` and ``remove_mode`` made of them."""
    return app._modes


def write_to_terminal(app: App[Any], text: str) -> None:
    """Write a control sequence to the terminal, between two paintings."""
    if app._driver is not None:
        app._driver.write(text)
        app._driver.flush()


def feed_as_typed(app: App[Any], text: str) -> None:
    """Handle text read from the terminal before the app started as if it had been typed now."""
    if app._driver is not None:
        for event in XTermParser().feed(text):
            app._driver.process_message(event)
