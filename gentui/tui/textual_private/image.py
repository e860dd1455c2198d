"""Private parts of textual-image: widgets that draw pixels by kitty's graphics protocol or as sixels."""

from __future__ import annotations

import io
import os
import sys
from functools import cache
from itertools import count
from random import randint
from typing import Any

from gentui.tui.terminal import cell_size


@cache
def pixel_widget(kind: str) -> Any:
    """Return textual-image's widget class for ``kitty`` or ``sixel``.

    Its import queries the terminal, and the running app would take the answers for typed keys; where stdout is no
    terminal it queries nothing. The cell size it would have asked for comes from the kernel.
    """
    real = sys.__stdout__
    try:
        sys.__stdout__ = io.StringIO()  # type: ignore[assignment,misc]
        from textual_image import _terminal
        from textual_image import widget as widgets
    finally:
        sys.__stdout__ = real  # type: ignore[misc]
    _terminal.get_cell_size._result = _terminal.CellSize(*cell_size())  # type: ignore[attr-defined]
    if kind == "kitty":
        if os.environ.get("TMUX"):
            _wrap_for_tmux()
        return _kitty_widget()
    return widgets.SixelImage


def _wrap_for_tmux() -> None:
    """Wrap each message so that tmux passes it on to the terminal: its escape characters doubled."""
    from textual_image.renderable import tgp

    tgp._TGP_MESSAGE_START = "\x1bPtmux;\x1b\x1b_G"
    tgp._TGP_MESSAGE_END = "\x1b\x1b\\\x1b\\"


def _kitty_widget() -> Any:
    """Return a widget whose image is deleted from the terminal as soon as the widget is hidden or removed.

    textual-image's own asks the terminal to delete all visible images, which leaves those drawn by placeholders, and
    asks nothing when its widget is removed.
    """
    from textual_image.renderable import tgp
    from textual_image.widget._base import Image

    tgp.Image._image_id_counter = count(randint(1, 1 << 31))  # an id has 32 bits

    class DeletingImage(tgp.Image):
        def cleanup(self) -> None:
            if self.terminal_image_id:
                tgp._send_tgp_message(a="d", d="I", i=self.terminal_image_id, q=2)
                self.terminal_image_id = None

    class KittyImage(Image, Renderable=DeletingImage):  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue]
        def get_line_filters(self) -> tuple[()]:
            return ()  # placeholders are no text, and their colour is the image's id

        def on_show(self) -> None:
            self.refresh(layout=True)

        def on_hide(self) -> None:
            self.delete_from_terminal()

        def on_unmount(self) -> None:
            self.delete_from_terminal()

        def delete_from_terminal(self) -> None:
            if self._renderable is not None:
                self._renderable.cleanup()

    return KittyImage
