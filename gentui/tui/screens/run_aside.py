"""The panes beside the curves of a run: its newest picture, and its scores, health and settings in few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from gentui.runs import alarms, compare
from gentui.runs.metric_names import short_name
from gentui.runs.scores import floor_text, value_text
from gentui.text import numbers
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.screens.runs_preview import is_looked_after, settings_of
from gentui.tui.widgets.fact_list import Fact, FactList
from gentui.tui.widgets.pane_title import PaneTitle
from gentui.tui.widgets.viewer import Viewer

LEAST_PICTURE = 11
"""Lines of a picture with its caption that the other panes leave to it."""
MOST = {"scores": 5, "health": 8, "settings": 12}
"""The other panes in the order in which they are given room, with the lines that each has at most."""
LEAST = 3


class RunAside(Vertical):
    """Titled panes, of which as many are shown as there is room for. The mouse drags its left border."""

    DEFAULT_CSS = """
    RunAside { width: 42%; max-width: 84; border-left: solid $panel; }
    """

    class Dragged(Message):
        """The border was dropped where the panes have so many percent of the width."""

        def __init__(self, percent: float):
            super().__init__()
            self.percent = percent

    class Arranged(Message):
        """Other panes are in sight than before."""

    class Clicked(Message):
        """A pane was clicked."""

        def __init__(self, pane: str):
            super().__init__()
            self.pane = pane

    def __init__(self, images: str) -> None:
        super().__init__(id="aside")
        self._images = images
        self._facts: Mapping[str, Sequence[Fact]] = {name: () for name in MOST}

    def compose(self) -> ComposeResult:
        yield PaneTitle("samples", id="samples-title")
        yield Viewer(self._images, more="s", id="thumbnail")
        for name in MOST:
            yield PaneTitle(name, id=f"{name}-title")
            yield FactList(id=f"{name}-facts")

    def on_mount(self) -> None:
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def show(self, facts: Mapping[str, Sequence[Fact]]) -> None:
        """Show the ``facts_of`` the run; its picture is shown by the screen."""
        self._facts = facts
        self._arrange()

    @property
    def in_sight(self) -> list[str]:
        """The names of the panes that are shown, from the top."""
        return [name for name in ("samples", *MOST) if self.query_one(f"#{name}-title").display]

    def _arrange(self) -> None:
        """Give each pane its lines, and the picture the others."""
        if not self.size.height:  # out of sight
            return
        before, room = self.in_sight, self.size.height - 1 - LEAST_PICTURE
        for name, facts in self._facts.items():
            lines = min(len(facts), MOST[name], room - 1)
            is_shown = lines >= min(LEAST, len(facts)) > 0
            listed = self.query_one(f"#{name}-facts", FactList)
            self.query_one(f"#{name}-title").display = listed.display = is_shown
            if is_shown:
                listed.styles.height = lines
                listed.show(facts)
                room -= 1 + lines
        if self.in_sight != before:
            self.post_message(self.Arranged())

    # -- the mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.screen_x == self.region.x:
            self.capture_mouse()
            event.stop()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self.app.mouse_captured is self:
            self.release_mouse()
            room = self.screen.size.width
            self.post_message(self.Dragged(100 * (room - event.screen_x) / max(1, room)))

    def on_click(self, event: events.Click) -> None:
        above = [name for name in self.in_sight if self.query_one(f"#{name}-title").region.y <= event.screen_y]
        if above and event.screen_x > self.region.x:
            self.post_message(self.Clicked(above[-1]))


def facts_of(run: Any, evaluations: Sequence[Any], alerts: Sequence[Any]) -> dict[str, list[Fact]]:
    """What the panes say of a run, by their names."""
    return {
        "scores": score_facts(evaluations),
        "health": health_facts(run, alerts),
        "settings": settings_of(run, []),
    }


def score_facts(evaluations: Sequence[Any]) -> list[Fact]:
    """The score that stands for each metric, what real images score, and its step."""
    facts: list[Fact] = []
    for score in compare.standing(evaluations):
        words = f"{value_text(score, numbers.number)} at step {score.step:,}"
        facts.append((short_name(score), words, "strong"))
        if real := floor_text(score, numbers.number):
            facts.append(("  real images", real, "dim"))
    return facts


def health_facts(run: Any, alerts: Sequence[Any]) -> list[Fact]:
    """Alarms, the worst first, then each signal with how it stands to its threshold."""
    began, facts = {alert.name: alert.began for alert in alerts}, list[Fact]()
    for severity, name in run.alarms:
        label = clean(alarms.titled(severity, name), 60)
        since = f"since step {began[name]:,}" if name in began else ""
        facts.append((label, since, formatting.SEVERITIES[severity]))
    signals = alarms.signals(run.metrics)
    if not facts and is_looked_after(run):
        facts.append((f"✓ {alarms.NO_ALARM}", "", "good"))
    for name, value in signals.items():
        verdict = alarms.verdict(run, name, value)
        sign, tone = {True: (" ✓", "good"), False: (" ▲", "warn"), None: ("", "")}[verdict.is_fine]
        if verdict.severity:
            sign, tone = f" {alarms.SIGNS[verdict.severity]}", formatting.SEVERITIES[verdict.severity]
        facts.append((clean(alarms.signal_name(name), 40), f"{numbers.number(value)}{sign}", tone))
    return facts
