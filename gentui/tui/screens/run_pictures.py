"""Which of a run's pictures is shown: the sample grid or one of its figures, the newest or one of an earlier step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gentui.text.sanitize import clean
from gentui.tui.screens.chart_base import next_of
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.picture_grid import at_step, detail_of, sheet_of

GRID, REAL = "grid", "real"
"""Kinds of picture: the grid of samples, the figure of real images."""

Shown = tuple[Sheet | None, str, str]
"""The picture, its caption, and what the trainer says of it."""


class RunPictures:
    """The pictures of the run in ``folder``. With a ``step``, the grid of that step is shown at first."""

    def __init__(self, folder: Path, step: int | None = None) -> None:
        self.folder = folder
        self._samples: list[Any] = []
        self._figures: list[Any] = []
        self._chosen_kind = GRID
        self._first_step = step
        self._position: int | None = None  # None: the newest, also when others come

    def update(self, samples: list[Any], figures: list[Any]) -> None:
        """Take on the samples and figures that there are now, oldest first."""
        self._samples, self._figures = samples, figures
        if self._first_step is not None and (sample := at_step(samples, self._first_step)) is not None:
            self._position, self._first_step = samples.index(sample), None

    # -- what there is

    @property
    def kinds(self) -> list[str]:
        """The sample grid, then the figures by name, animations last."""
        names = sorted({(figure.path.endswith(".gif"), figure.name) for figure in self._figures})
        return list(dict.fromkeys([*([GRID] if self._samples else []), *(name for _, name in names)]))

    @property
    def kind(self) -> str:
        """The kind that is shown: the chosen one, or the first there is."""
        kinds = self.kinds
        return self._chosen_kind if self._chosen_kind in kinds or not kinds else kinds[0]

    def of_kind(self, kind: str) -> list[Any]:
        """The pictures of a kind, oldest first."""
        return self._samples if kind == GRID else [f for f in self._figures if f.name == kind]

    @property
    def is_live(self) -> bool:
        """Whether the newest picture is shown, also when others come."""
        return self._position is None

    @property
    def step(self) -> int | None:
        """The step of the picture that is shown; None if it is the newest."""
        pictures = self.of_kind(self.kind)
        if self._position is None or not pictures:
            return None
        return pictures[min(self._position, len(pictures) - 1)].step

    # -- pictures with captions

    def current(self) -> Shown:
        """The picture that is shown."""
        pictures = self.of_kind(self.kind)
        if not pictures:
            return None, "no pictures yet", ""
        last = len(pictures) - 1
        at = last if self._position is None else max(0, min(self._position, last))
        picture = pictures[at]
        words = [clean(self.kind, 40), f"step {picture.step:,}"]
        if len(pictures) > 1 or self.kind == GRID:
            words.append(f"{at + 1} of {len(pictures)}")
            words.append("live" if self.is_live else f"{last - at} newer (n: live)")
        return self.sheet_of(picture), " · ".join(words), detail_of(picture)

    def real(self) -> Shown:
        """The newest figure of real images."""
        figures = self.of_kind(REAL)
        if not figures:
            return None, "no real images yet: they are drawn with the first samples", ""
        return self.sheet_of(figures[-1]), detail_of(figures[-1]), ""

    def all_kinds(self) -> list[tuple[Sheet | None, str]]:
        """The picture of every kind with its caption, as of the step that is shown."""
        shown: list[tuple[Sheet | None, str]] = []
        for kind in self.kinds:
            picture = at_step(self.of_kind(kind), self.step)
            if picture is None:
                shown.append((None, f"{clean(kind, 40)} · none yet at this step"))
            else:
                shown.append((self.sheet_of(picture), f"{clean(kind, 40)} · step {picture.step:,}"))
        return shown

    def sheet_of(self, picture: Any) -> Sheet:
        """A picture with its tiles. Animations and real images whose record does not say how these are laid out are
        taken for grids like the newest one of samples."""
        is_real = getattr(picture, "name", "") == REAL
        is_like_grid = is_real or picture.path.endswith(".gif")
        sheet = sheet_of(self.folder, picture, self._samples[-1] if is_like_grid and self._samples else None)
        return replace(sheet, noun="training images") if is_real else sheet

    # -- choosing

    def scrub(self, by: int) -> str:
        """Go to a newer picture, or where ``by`` is negative an older one. Return what to tell the user, "" if
        nothing."""
        count, before = len(self.of_kind(self.kind)), self._position
        if not count:
            return "There are no pictures yet."
        at = max(0, (count - 1 if before is None else min(before, count - 1)) + by)
        self._position = None if at >= count - 1 else at
        if self._position != before:
            return ""
        return "There is no older one." if by < 0 else "There is no newer one yet."

    def follow_newest(self) -> str:
        """Show the newest picture, also when others come. Return what to tell the user, "" if nothing."""
        was_live, self._position = self.is_live, None
        return "The newest is shown already." if was_live else ""

    def next_kind(self) -> str:
        """Go on to the next kind of picture. Return what to tell the user."""
        kinds = self.kinds
        if len(kinds) < 2:
            return "There are no other pictures yet."
        self._chosen_kind, self._position = next_of(tuple(kinds), self.kind), None
        return f"{clean(self._chosen_kind, 40)} (figure {kinds.index(self._chosen_kind) + 1} of {len(kinds)})"
