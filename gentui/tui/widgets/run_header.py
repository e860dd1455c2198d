"""The header of a run view: three lines on what the run is, how far it has come, and how good it is."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from gentui.index import visits
from gentui.runs import alarms
from gentui.runs.metric_names import label, published_name
from gentui.runs.scores import REAL_IMAGES, floor_text, value_text
from gentui.text import numbers
from gentui.text.sanitize import clean, shorten
from gentui.tui import formatting

MOST_COUNTED = 24
"""Cells that a part of the last line, such as a note, is given room for."""
Piece = tuple[str, str]
"""Text and tone."""


class RunHeader(Widget):
    """The header of a run. It is drawn only when one of its lines changes."""

    DEFAULT_CSS = """
    RunHeader {
        height: 3; background: $background; color: $foreground; padding: 0 1;
        & > .head--dim { color: $text-muted; }
        & > .head--good { color: $success; text-style: bold; }
        & > .head--warn { color: $warning; text-style: bold; }
        & > .head--bad { color: $error; text-style: bold; }
        & > .head--tag { color: $secondary; }
        & > .head--bar { color: $primary; }
        & > .head--strong { text-style: bold; }
    }
    """
    TONES = ("dim", "good", "warn", "bad", "tag", "bar", "strong")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"head--{tone}" for tone in TONES}

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[list[Piece]] = [[("…", "dim")], [], []]
        self._run: Any = None

    def show(self, run: Any) -> None:
        """Show a run (a RunRow)."""
        self._run = run
        lines = lines_of(run, self.size.width or 80)
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def on_resize(self) -> None:
        if self._run is not None:
            self._lines = lines_of(self._run, self.size.width)
            self.refresh()

    @property
    def text(self) -> str:
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def render_line(self, y: int) -> Strip:
        base, room = self.rich_style, self.size.width
        segments = []
        for text, tone in self._lines[y] if y < len(self._lines) else []:
            if room <= 0:
                break
            text = shorten(text, room)
            room -= cell_len(text)
            style = base + self.get_component_rich_style(f"head--{tone}", partial=True) if tone else base
            segments.append(Segment(text, style))
        return Strip(segments).adjust_cell_length(self.size.width, base)


def lines_of(run: Any, width: int) -> list[list[Piece]]:
    """Return the three lines of a run's header. ``run`` is a RunRow."""
    return [_identity(run, width), _progress(run, width), _quality(run, width)]


def _identity(run: Any, width: int) -> list[Piece]:
    """Status, worst alarm, name, recipe, data set, device, seed and id."""
    status, tone = formatting.status(run.status)
    line: list[Piece] = [(status, tone), ("  ", "")]
    if run.worst:
        headline = shorten(alarms.headline(run), max(12, width // 2))
        line += [(headline, formatting.SEVERITIES[run.worst]), ("  ", "")]
    line.append((clean(run.name or run.title or run.recipe, 80), "strong"))
    dataset = clean(run.dataset, 40)
    details = [clean(run.recipe, 64), dataset]
    if run.quick:
        stand_in = f", {dataset} for {clean(run.stand_in_for, 40)}" if run.stand_in_for else ""
        details.append(f"quick{stand_in}")
    details += [
        clean(run.place, 20),
        f"seed {run.seed}" if run.seed is not None else "",
        run.id,
    ]
    line.append(("  " + " · ".join(detail for detail in details if detail), "dim"))
    return line


def _progress(run: Any, width: int) -> list[Piece]:
    """How far training, pictures and scores are, speed, time and the reason of the end."""
    step, steps = run.step or 0, run.steps or 0
    is_live = run.status in ("running", "stalled")
    phase = clean(run.phase, 60) if is_live else ""
    kind = visits.kind_of(phase) if step else ""
    cells = max(8, min(30, width // 5))
    line: list[Piece] = []
    if steps:
        fraction = min(1.0, step / steps)
        line += [("train ", "dim")] if is_live else []
        has_bar = not kind and (is_live or fraction < 1)  # a full one says nothing
        line += (
            [] if not has_bar else [(formatting.bar(fraction, cells), "bar" if is_live else "dim"), (" ", "")]
        )
        line.append((f"{fraction:.0%}  ", "strong"))
    line.append((f"step {step:,}" + (f" of {steps:,}" if steps else ""), ""))
    if is_live and step:
        line.append((f"  {_time_left(run, width)}", "strong"))
    if is_live:
        line += _visits(run, phase, kind, cells)
    if is_live and run.images_per_s and not kind:
        line.append((f"  {_speed(run)}", ""))
    seconds = numbers.duration(run.seconds)
    if run.status != "queued":
        line.append((f"  {seconds} so far" if is_live else f"  took {seconds}", "dim"))
    if run.remark:
        tone = "dim" if run.status == "running" else formatting.status(run.status)[1]
        line.append((f"  {clean(run.remark, 200)}", tone))
    return line


def _speed(run: Any) -> str:
    """``1.2k img/s``; ``1.2k img/s (2 × 591)`` where several devices share the run."""
    total = numbers.rate(run.images_per_s)
    each = numbers.rate(run.images_per_s / run.devices).removesuffix(" img/s")
    return f"{total} ({run.devices} × {each})" if run.devices > 1 else total


def _visits(run: Any, phase: str, kind: str, cells: int) -> list[Piece]:
    """``  sample 2/3  score ████░░ 0/1``: pictures and scores, with a bar where the run is at one; else its phase."""
    line: list[Piece] = []
    for name, plan in visits.plans(run).items():
        bar = formatting.bar(visits.fraction_of(phase), cells) + " " if name == kind else ""
        line += [(f"  {name} ", "dim"), (bar, "bar"), (f"{plan.done}/{plan.of}", "")]
    if phase and kind not in (visits.SAMPLE, visits.SCORE):
        line.append((f"  {phase}", "strong"))
    return line


def _time_left(run: Any, width: int) -> str:
    if run.eta_is_partial and run.eta_s >= 1 and width >= 100:
        return f"no estimate yet ({numbers.duration(run.eta_s)} of training)"
    return (
        "no estimate yet" if run.eta_s is None or run.eta_is_partial else f"{numbers.duration(run.eta_s)} left"
    )


def _quality(run: Any, width: int) -> list[Piece]:
    """Loss, best score, the published figure, tags and notes. What stands beside the score gives way to tags and notes:
    first that of real images, then the published figure, then the step."""
    parts: list[tuple[int, list[Piece]]] = [(0, [("loss ", "dim"), (numbers.number(run.loss), "strong")])]
    if run.best is not None:
        score = f"{label(run.best)} {value_text(run.best, numbers.number)}"
        parts.append((0, [("   best ", "dim"), (score, "strong")]))
        if real := floor_text(run.best, numbers.number):
            parts.append((3, [(f" ({REAL_IMAGES} {real})", "dim")]))
        parts.append((1, [(f" at step {run.best.step:,}", "dim")]))
    published = run.reference if isinstance(run.reference, dict) and not run.stand_in_for else {}
    if (value := numbers.real(published.get("value"))) is not None:
        figure = f"{published_name(str(published.get('metric', '')))} {numbers.number(value)}"
        parts.append((2, [("   published ", "dim"), (figure, "")]))
    if run.tags:
        parts.append((0, [("   tags ", "dim"), (clean(" ".join(run.tags), 100), "tag")]))
    if run.notes:
        parts.append((0, [("   ✎ ", "dim"), (clean(" ".join(run.notes.split()), 200), "")]))
    for rank in (3, 2, 1) if run.tags or run.notes else ():
        if sum(min(cell_len(text), MOST_COUNTED) for _, part in parts for text, _ in part) > width:
            parts = [part for part in parts if part[0] != rank]
    return [piece for _, part in parts for piece in part]
