"""The header of a run view: three lines on what the run is, how far it has come, and how good it is."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from gentui.runs import alarms
from gentui.runs.scores import REAL_IMAGES, floor_text
from gentui.text import numbers
from gentui.text.sanitize import clean, shorten
from gentui.tui import formatting

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
        & > .head--accent { color: $accent; }
        & > .head--bar { color: $primary; }
        & > .head--strong { text-style: bold; }
    }
    """
    TONES = ("dim", "good", "warn", "bad", "accent", "bar", "strong")
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
    return [_identity(run, width), _progress(run, width), _quality(run)]


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
        clean(run.slot or run.device or "", 20),
        f"seed {run.seed}" if run.seed is not None else "",
        run.id,
    ]
    line.append(("  " + " · ".join(detail for detail in details if detail), "dim"))
    return line


def _progress(run: Any, width: int) -> list[Piece]:
    """Progress bar, step, phase, speed, time and the reason of the end."""
    step, steps = run.step or 0, run.steps or 0
    is_live = run.status in ("running", "stalled")
    line: list[Piece] = []
    if steps:
        fraction = min(1.0, step / steps)
        line.append((formatting.bar(fraction, max(8, min(30, width // 5))), "bar" if is_live else "dim"))
        line.append((f" {fraction:.0%}  ", "strong"))
    line.append((f"step {step:,}" + (f" of {steps:,}" if steps else ""), ""))
    phase = clean(run.phase, 60) if is_live else ""
    if phase:
        line.append((f"  {phase}", "accent"))
    if is_live and run.images_per_s:
        line.append((f"  {numbers.rate(run.images_per_s)}  {numbers.duration(run.eta_s)} left", ""))
    seconds = numbers.duration(run.seconds)
    if run.status != "queued":
        line.append((f"  {seconds} so far" if is_live else f"  took {seconds}", "dim"))
    if run.reason and run.status not in ("running", "done"):
        line.append((f"  {clean(run.reason, 200)}", formatting.status(run.status)[1]))
    return line


def _quality(run: Any) -> list[Piece]:
    """Loss, best score and the published figure."""
    line: list[Piece] = [("loss ", "dim"), (numbers.number(run.loss), "strong")]
    if run.best is not None:
        line += [("   best ", "dim"), (formatting.score(clean(run.best.metric, 20), run.best), "accent")]
        if real := floor_text(run.best, numbers.number):
            line.append((f" ({REAL_IMAGES} {real})", "dim"))
        line.append((f" at step {run.best.step:,}", "dim"))
    published = run.reference if isinstance(run.reference, dict) and not run.stand_in_for else {}
    if (value := numbers.real(published.get("value"))) is not None:
        figure = f"{clean(published.get('metric', ''), 20)} {numbers.number(value)}"
        line += [("   published ", "dim"), (figure, "")]
    return line
