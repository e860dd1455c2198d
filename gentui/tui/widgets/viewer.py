"""A picture with its caption: half-blocks everywhere, pixels where the terminal can draw them."""

from __future__ import annotations

import io
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from gentui.tui.widgets.picture import Picture, Sheet, Shown, decode, prepare

if TYPE_CHECKING:
    from PIL.Image import Image


@cache
def pixel_widget(kind: str) -> Any:
    """textual-image's widget for ``kitty`` or ``sixel``.

    Its import asks the terminal questions, which the running app would take for typed keys; with a stdout
    that is no terminal it asks none. The cell size it would have asked for comes from the kernel.
    """
    real = sys.__stdout__
    try:
        sys.__stdout__ = io.StringIO()  # type: ignore[assignment,misc]
        from textual_image import _terminal
        from textual_image import widget as widgets
    finally:
        sys.__stdout__ = real  # type: ignore[misc]
    _terminal.get_cell_size._result = _terminal.CellSize(*cell_size())  # type: ignore[attr-defined]
    return widgets.TGPImage if kind == "kitty" else _sixel(widgets)


def _sixel(widgets: Any) -> Any:
    return widgets.SixelImage


def cell_size() -> tuple[int, int]:
    """Width and height of a cell in pixels, as the kernel knows them; 10 × 20 where it does not."""
    import fcntl
    import struct
    import termios

    try:
        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8))
        if rows and columns and width and height:
            return max(1, width // columns), max(1, height // rows)
    except OSError:
        pass
    return 10, 20


class Viewer(Vertical):
    """Shows one sheet at a time, read and laid out in a thread."""

    DEFAULT_CSS = """
    Viewer { width: 1fr; height: 1fr;
        & > .viewer--caption { height: 1; width: 100%; color: $text-muted; text-align: center;
                               text-wrap: nowrap; text-overflow: ellipsis; }
        & > Picture { width: 100%; height: 1fr; }
        & > #pixels { width: 100%; height: 1fr; align: center middle; }
    }
    """

    def __init__(self, images: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._images = images
        self._sheet: Sheet | None = None
        self._caption = self._detail = ""
        self._state: object = None
        self.remark = ""

    def compose(self) -> ComposeResult:
        if self._images in ("kitty", "sixel"):
            with Vertical(id="pixels"):
                yield pixel_widget(self._images)()
        else:
            yield Picture()
        yield Static(classes="viewer--caption", markup=False)

    @property
    def picture(self) -> Picture:
        return self.query_one(Picture)

    def show(self, sheet: Sheet | None, caption: str, detail: str = "") -> None:
        """Show this sheet (None: nothing yet). Caption and detail are clean text; the remark goes between."""
        self._sheet, self._caption, self._detail = sheet, caption, detail
        self._write_caption()
        self._load()

    def on_resize(self) -> None:
        self._load()

    def on_show(self) -> None:
        self._load()

    def _write_caption(self) -> None:
        remark = self.remark if self._sheet else ""
        text = " · ".join(part for part in (self._caption, remark, self._detail) if part)
        static = self.query_one(".viewer--caption", Static)
        if str(static.content) != text:
            static.update(text)

    def _load(self) -> None:
        width, height = self.size.width, self.size.height - 1
        state = (self._sheet, width, height, self.app.no_color)
        if state == self._state or width < 2 or height < 1 or not self.is_on_screen:
            return
        self._state = state
        sheet = self._sheet
        if self._images == "none":
            self._ready(state, Shown((), 0, "pictures are off (--images none)" if sheet else ""))
        elif sheet is None:
            self._ready(state, Shown((), 0, ""))
        elif self._images in ("kitty", "sixel"):
            self.run_worker(
                lambda: self._load_pixels(state, sheet), thread=True, exclusive=True, exit_on_error=False
            )
        else:
            colour = not self.app.no_color

            def work() -> None:
                shown = prepare(sheet, width, height, colour)
                self.app.call_from_thread(self._ready, state, shown)

            self.run_worker(work, thread=True, exclusive=True, exit_on_error=False)

    def _ready(self, state: object, shown: Shown) -> None:
        if state != self._state or not self.is_attached:
            return
        self.remark = shown.remark if shown.strips else ""
        for picture in self.query(Picture):
            picture.show(shown)
        self._write_caption()

    def _load_pixels(self, state: tuple[Any, ...], sheet: Sheet) -> None:
        image, remark = self._scaled(sheet, state[1], state[2])
        self.app.call_from_thread(self._pixels_ready, state, image, remark)

    @staticmethod
    def _scaled(sheet: Sheet, width: int, height: int) -> tuple[Image | None, str]:
        """The picture enlarged by a whole factor to fill the cells, or reduced to fit them."""
        from PIL import Image as Pillow

        try:
            image = Pillow.fromarray(decode(sheet.path))
        except Exception as error:
            return None, f"the picture cannot be read ({type(error).__name__})"
        cell_width, cell_height = cell_size()
        factor = min(width * cell_width / image.width, height * cell_height / image.height)
        if factor >= 1:
            image = image.resize(
                (image.width * int(factor), image.height * int(factor)), Pillow.Resampling.NEAREST
            )
        else:
            small = (max(1, int(image.width * factor)), max(1, int(image.height * factor)))
            image = image.resize(small, Pillow.Resampling.LANCZOS)
        return image, ""

    def _pixels_ready(self, state: object, image: Image | None, remark: str) -> None:
        if state != self._state or not self.is_attached:
            return
        self.remark = remark
        widget: Any = self.query_one("#pixels").children[0]
        widget.image = image
        if image is not None:
            cell_width, cell_height = cell_size()
            widget.styles.width = max(1, image.width // cell_width)
            widget.styles.height = max(1, image.height // cell_height)
        self._write_caption()

    @property
    def is_on_screen(self) -> bool:
        return (
            self.is_attached
            and self.display
            and all(node.display for node in self.ancestors if hasattr(node, "display"))
        )
