"""A picture with its caption, in half-blocks, or in pixels where the terminal can draw them.

An animation plays a few times and then stops, so that an idle screen writes nothing to the terminal. Where not all
tiles of a grid fit, its rows scroll.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Static

from gentui.text.sanitize import shorten
from gentui.tui.terminal import cell_size
from gentui.tui.textual_private.image import pixel_widget
from gentui.tui.widgets.picture import (
    MIN_FRAME_SECONDS,
    Picture,
    RenderedPicture,
    Sheet,
    read_frames,
    render_frames,
)
from gentui.tui.widgets.tiles import Layout, words_of

if TYPE_CHECKING:
    from PIL.Image import Image

LOOPS = 3
LEAST_DETAIL = 12  # cells of a detail that is cut
SLOW = 0.5
"""Minimum seconds per frame over a slow line, where animations only play when asked to, and once."""


class Viewer(Vertical):
    """Shows one picture at a time, read and laid out in a thread."""

    DEFAULT_CSS = """
    Viewer { width: 1fr; height: 1fr;
        & > .viewer--caption { height: 1; width: 100%; color: $text-muted; text-align: center;
                               text-wrap: nowrap; text-overflow: ellipsis; }
        & > Picture { width: 100%; height: 1fr; }
        & > #pixels { width: 100%; height: 1fr; align: center middle; }
    }
    """

    def __init__(self, images: str, *, more: str = "", scrolls: bool = False, id: str | None = None) -> None:
        """``more``: how the tiles that do not fit are seen, as the caption says it, if not by keys of the focused
        viewer, which ``scrolls``."""
        super().__init__(id=id)
        self.can_focus = scrolls
        self._images = images
        self._more = more
        self._top = 0  # row of tiles
        self._sheet: Sheet | None = None
        self._caption = self._detail = ""
        self._state: object = None
        self._frames: list[tuple[Any, float]] = []
        self._is_complete = False  # whether all frames are read
        self._at = 0
        self._loops = 0  # still to play
        self._paused = False
        self._timer: Timer | None = None
        self._drawn = RenderedPicture((), 0)

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
        """Show a picture (None: none yet). Caption and detail are sanitized text; what is seen of it and how to see
        more is put between them, and never left out."""
        if sheet is None or self._sheet is None or sheet.path != self._sheet.path:
            self._paused = False
            if sheet is None or self._sheet is None or sheet.grid != self._sheet.grid:
                self._top = 0
        self._sheet, self._caption, self._detail = sheet, caption, detail
        self._load()
        self._write_caption()
        self._play_on()

    def on_mount(self) -> None:
        self._write_caption()  # `show` may have been called before

    def on_resize(self) -> None:
        self._load()
        self._write_caption()

    def on_show(self) -> None:
        self._load()
        self._play_on()

    def _write_caption(self) -> None:
        words = [*((word, 1) for word in self._caption.split(" · ")), (self._position, 2), (self._seen, 3)]
        words += [(self.remark if self._sheet else "", 1), (self._detail, 0)]
        text = fit_words([word for word in words if word[0]], self.size.width)
        for static in self.query(".viewer--caption").results(Static):
            if str(static.content) != text:
                static.update(text)

    @property
    def remark(self) -> str:
        """What the rows or columns of the picture are, or what is wrong with it."""
        return self._drawn.remark if self._drawn.strips or self.query("#pixels") else ""

    @property
    def _seen(self) -> str:
        """How many tiles of how many are seen, and how to see more; "" if all are."""
        drawn = self._drawn
        if self._sheet is None or drawn.last - drawn.first + 1 >= drawn.total:
            return ""
        arrows = "↑" * (drawn.at > 0) + "↓" * (drawn.at < drawn.at_most)
        more = (arrows if self.can_focus else "") or self._more
        count = f"{drawn.first}–{drawn.last}" if drawn.at else f"{drawn.last}"
        text = f"{count} of {drawn.total} {self._sheet.noun}" + (f", {more} for more" if more else "")
        return text if cell_len(text) <= self.size.width else f"{count}/{drawn.total} {more}".strip()

    def _words_of_file(self) -> str:
        """What rows or columns are where the picture is drawn as its file has it."""
        return words_of(self._sheet.grid, Layout(1, 1, (), 0)) if self._sheet else ""

    def say_how_to_see_more(self) -> None:
        """Write the caption anew, after the viewer can be focused or no longer."""
        self._write_caption()

    def scroll_tiles(self, rows: int) -> bool:
        """Scroll by rows of tiles. Return whether there were any on that side."""
        before = min(self._top, self._drawn.at_most)  # what is drawn may lag behind the keys
        top = max(0, min(before + rows, self._drawn.at_most))
        if top == before:
            return False
        self._top = top
        self._load()
        return True

    def on_key(self, event: events.Key) -> None:
        if (rows := rows_of(event.key, self._drawn.page)) and self.can_focus:
            event.stop()
            event.prevent_default()
            self.scroll_tiles(rows)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        if self.scroll_tiles(1):
            event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        if self.scroll_tiles(-1):
            event.stop()

    # -- reading

    def _load(self) -> None:
        width, height = self.size.width, self.size.height - 1
        state = (self._sheet, width, height, self.app.no_color, self._top)
        if state == self._state or width < 2 or height < 1 or not self._is_visible:
            return
        self._state = state
        self._stop_timer()
        self._frames, self._is_complete, self._at, self._loops = [], False, 0, 0 if self._is_slow else LOOPS
        sheet = self._sheet
        if self._images == "none" or sheet is None:
            self._draw(RenderedPicture((), 0, "pictures are off (--images none)" if sheet else ""))
            return
        colour = not self.app.no_color
        if self._images in ("kitty", "sixel"):
            frames = _pixels(sheet, width, height)
        else:
            frames = render_frames(sheet, width, height, colour, self._top)

        def work() -> None:
            for frame in frames:
                if not self.app.call_from_thread(self._take, state, frame):
                    return
            self.app.call_from_thread(self._end, state)

        self.run_worker(work, thread=True, exclusive=True, exit_on_error=False)

    def _take(self, state: object, frame: tuple[Any, float]) -> bool:
        """Take a frame that was read. Return False if another picture is shown by now."""
        if state != self._state or not self.is_attached:
            return False
        self._frames.append(frame)
        if self.is_animated:
            self._play_on()
        else:
            self._draw(frame[0])
        return True

    def _end(self, state: object) -> None:
        if state == self._state:
            self._is_complete = True
            self._write_caption()

    # -- playing

    @property
    def _is_slow(self) -> bool:
        return getattr(self.app, "low_bandwidth", False)

    @property
    def is_animated(self) -> bool:
        return len(self._frames) > 1

    @property
    def is_playing(self) -> bool:
        return self.is_animated and not self._paused and self._loops > 0

    @property
    def _position(self) -> str:
        """The state of an animation: playing or not, and the number of the frame shown."""
        if not self.is_animated:
            return ""
        of = str(len(self._frames)) if self._is_complete else "…"
        return f"{'▶' if self.is_playing else '■'} {self._at + 1}/{of}"

    def play_or_pause(self) -> str:
        """Pause an animation that plays, or play one that is paused or has ended. Return what was done."""
        if not self.is_animated:
            return "This picture does not move."
        if self.is_playing:
            self._paused = True
            self._stop_timer()
        else:
            self._paused = False
            is_over = self._at + 1 == len(self._frames)
            self._loops = self._loops or (1 if self._is_slow else LOOPS) + is_over
            self._play_on()
        self._write_caption()
        return "playing" if self.is_playing else "paused"

    def _play_on(self) -> None:
        """Schedule the next frame, if an animation plays and is visible."""
        if self._timer is None and self.is_playing and self._is_visible:
            seconds = self._frames[self._at][1]
            self._timer = self.set_timer(max(seconds, SLOW) if self._is_slow else seconds, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        if not self.is_playing or not self._is_visible:
            return
        if self._at + 1 < len(self._frames):
            self._at += 1
        elif not self._is_complete:  # the next frame is still being read
            self._timer = self.set_timer(MIN_FRAME_SECONDS, self._tick)
            return
        else:
            self._loops -= 1
            if self._loops:
                self._at = 0
        self._draw(self._frames[self._at][0])
        self._play_on()

    # -- drawing

    def _draw(self, frame: Any) -> None:
        """Draw a frame: a RenderedPicture, or an image where the terminal draws pixels."""
        with self.app.batch_update():
            is_text = isinstance(frame, RenderedPicture)
            self._drawn = frame if is_text else RenderedPicture((), 0, self._words_of_file())
            for picture in self.query(Picture):
                picture.show(frame)
            for box in self.query("#pixels"):
                self._draw_pixels(box.children[0], None if is_text else frame)
            self._write_caption()

    def _draw_pixels(self, widget: Any, image: Image | None) -> None:
        if image is not None:
            image = _enlarged(image, self.size.width, self.size.height - 1)
            cell_width, cell_height = cell_size()
            widget.styles.width = max(1, image.width // cell_width)
            widget.styles.height = max(1, image.height // cell_height)
        widget.image = image

    @property
    def is_on_screen(self) -> bool:
        return (
            self.is_attached
            and self.display
            and all(node.display for node in self.ancestors if hasattr(node, "display"))
        )

    @property
    def _is_visible(self) -> bool:
        return self.is_on_screen and self.screen.is_active


def rows_of(key: str, page: int) -> int:
    """By how many rows a key scrolls; 0 for another key."""
    far = 1 << 20
    return {"up": -1, "down": 1, "pageup": -page, "pagedown": page, "home": -far, "end": far}.get(key, 0)


def fit_words(words: Sequence[tuple[str, int]], width: int) -> str:
    """Words with · between them in ``width`` cells: those that matter least (a smaller number) are left out or cut
    first, of equals the last."""
    chosen: list[int] = []
    for at in sorted(range(len(words)), key=lambda at: (-words[at][1], at)):
        text = " · ".join(words[place][0] for place in sorted([*chosen, at]))
        least = 0 if words[at][1] else cell_len(words[at][0]) - LEAST_DETAIL  # may be cut
        if cell_len(text) - max(0, least) <= width or not chosen:
            chosen.append(at)
    return shorten(" · ".join(words[at][0] for at in sorted(chosen)), width) if width else ""


def _pixels(sheet: Sheet, width: int, height: int) -> Iterator[tuple[Any, float]]:
    """Yield every frame as an image that fits ``width`` × ``height`` cells, and its seconds; a RenderedPicture with a
    remark if none can be read."""
    from PIL import Image as Pillow

    is_shown = False
    try:
        for pixels, seconds in read_frames(sheet.path):
            image = Pillow.fromarray(pixels)
            factor = _factor(image, width, height)
            if factor < 1:
                small = (max(1, int(image.width * factor)), max(1, int(image.height * factor)))
                image = image.resize(small, Pillow.Resampling.LANCZOS)
            yield image, seconds
            is_shown = True
    except Exception as error:
        if not is_shown:
            yield RenderedPicture((), 0, f"the picture cannot be read ({type(error).__name__})"), 0.0


def _factor(image: Image, width: int, height: int) -> float:
    """Return the largest factor by which an image can be enlarged to fit this many cells."""
    cell_width, cell_height = cell_size()
    return min(width * cell_width / image.width, height * cell_height / image.height)


def _enlarged(image: Image, width: int, height: int) -> Image:
    """Enlarge an image by the largest integer factor that fits the cells."""
    from PIL import Image as Pillow

    factor = int(_factor(image, width, height))
    if factor < 2:
        return image
    return image.resize((image.width * factor, image.height * factor), Pillow.Resampling.NEAREST)
