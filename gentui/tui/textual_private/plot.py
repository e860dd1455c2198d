"""Private parts of textual-plot and of its canvas (textual-hires-canvas)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from textual.geometry import Region
from textual_hires_canvas import Canvas
from textual_plot import PlotWidget
from textual_plot.plot_widget import LinePlot

Cells = list[list[str]]
"""One string per cell of a canvas, by row and column: its character, or its style."""


class OpenPlot(PlotWidget, can_focus=False, inherit_bindings=False):
    """textual-plot's widget with limits, datasets and the steps of drawing made public.

    Subclasses override ``request_drawing``, ``draw_plot`` and ``draw_dataset``. There is no legend, and the margins are
    those of the style sheet: updating either lays out and paints the screen once more for every chart.
    """

    @property
    def x_limits(self) -> tuple[float, float]:
        """The smallest and largest x shown."""
        return self._x_min, self._x_max

    @property
    def y_limits(self) -> tuple[float, float]:
        """The smallest and largest y shown, as drawn: logarithms on a logarithmic axis."""
        return self._y_min, self._y_max

    def put_y_limits(self, bottom: float, top: float) -> None:
        """Set the limits of the y axis. ``set_ylimits`` asks for another drawing, too."""
        self._y_min, self._y_max = bottom, top

    @property
    def y_ticks(self) -> list[float]:
        """Where the ticks of the y axis are."""
        return list(self._y_formatter.get_ticks(self._y_min, self._y_max))

    @property
    def inner_region(self) -> Region:
        """The cells within the axes, relative to the canvas."""
        return self._scale_rectangle

    @property
    def is_drawing_due(self) -> bool:
        """Whether the plot must be drawn before it can be painted."""
        return self._needs_rerender

    @property
    def datasets(self) -> list[LinePlot]:
        """What is drawn, in this order."""
        return self._datasets  # pyright: ignore[reportReturnType]

    def add_dataset(self, dataset: LinePlot) -> None:
        """Draw this as well. ``plot`` takes no subclass of LinePlot, and draws at once."""
        self._datasets.append(dataset)
        self._labels.append(None)

    def request_drawing(self) -> None:
        """Have the plot drawn before the next painting."""
        super()._rerender()

    def draw_plot(self) -> None:
        """Draw axes, ticks and datasets on the canvas now."""
        super()._render_plot()

    def draw_dataset(self, dataset: LinePlot) -> None:
        """Draw one dataset on the canvas."""
        super()._render_line_plot(dataset)

    def _rerender(self) -> None:
        self.request_drawing()

    def _render_plot(self) -> None:
        self.draw_plot()

    def _render_line_plot(self, dataset: LinePlot) -> None:
        self.draw_dataset(dataset)

    def _update_margin_sizes(self) -> None:
        pass

    def _update_legend(self) -> None:
        pass

    def _position_legend(self) -> None:
        pass


def is_sized(canvas: Canvas) -> bool:
    """Return whether the canvas has the cells of its present size, not of the one before."""
    return canvas._canvas_size == canvas.size


def cells_of(canvas: Canvas) -> tuple[Cells, Cells]:
    """Return the characters and styles of a canvas, which may be changed in place. ``get_pixel`` and ``set_pixel``
    handle one cell a call and refresh the widget each time."""
    return canvas._buffer, canvas._styles


def set_characters(canvas: Canvas, characters: Cells) -> None:
    """Replace the characters of a canvas, without refreshing it."""
    canvas._buffer = characters


@contextmanager
def without_refresh(canvases: Iterable[Canvas]) -> Iterator[None]:
    """Keep canvases from refreshing while they are drawn on, and afterwards: ``batch_refresh`` refreshes the whole
    canvas at its end."""
    held = list(canvases)
    for canvas in held:
        canvas._refreshes_pending += 1
    try:
        yield
    finally:
        for canvas in held:
            canvas._refreshes_pending -= 1
