"""A mistake in a handler is told, written down and survived."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from gentui.tui.crash_guard import MAX_BYTES, write_crash
from gentui.tui.screens.base import BaseScreen, Dialog
from tests.support.terminal import Terminal
from tests.support.textual_private import notices


async def broken(d: Any, times: int = 1) -> None:
    """Wait for the crash and what follows it. Without the pilot, which waits for widgets that hear no more."""
    for _ in range(600):
        if len(d.app.crashes) == times and not d.app._leaving and notices(d.app):
            break
        await asyncio.sleep(0.05)
    assert len(d.app.crashes) == times


class Broken(Widget):
    """Fails in the handler, the timer or the drawing that it is told to."""

    DEFAULT_CSS = "Broken { height: 3; }"
    can_focus = True

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def fail(self) -> None:
        raise ValueError(f"broken {self.where} \x1b]52;c;aGk=\x07[/]")

    def on_mount(self) -> None:
        if self.where == "timer":
            self.set_timer(0.01, self.fail)
        if self.where == "mount":
            self.fail()
        if self.where == "worker":
            self.run_worker(self.work)
        if self.where == "callback":
            self.call_later(self.fail)

    async def work(self) -> None:
        self.fail()

    def key_k(self) -> None:
        self.fail()

    def render_line(self, y: int) -> Strip:
        if self.where == "drawing":
            self.fail()
        return Strip.blank(self.size.width)


class BrokenScreen(BaseScreen):
    context = "runs"

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def body(self) -> ComposeResult:
        if self.where == "compose":
            raise ValueError("broken compose")
        yield Broken(self.where)

    def on_mount(self) -> None:
        if self.where == "screen":
            raise ValueError("broken screen")
        self.query_one(Broken).focus()


class BrokenDialog(Dialog):
    context = "notice"

    def compose(self) -> ComposeResult:
        yield Broken("timer")


@pytest.mark.parametrize("where", ["mount", "timer", "callback", "drawing", "screen", "compose", "key"])
async def test_a_broken_screen_is_left_and_the_app_goes_on(desk, home: Path, where: str):
    async with desk(crashes=1) as d:
        d.app.push_screen(BrokenScreen(where))
        if where == "key":
            await d.on("BrokenScreen")
            d.app.screen.query_one(Broken).post_message(events.Key("k", "k"))
        await broken(d)
        await d.on("HomeScreen")
        assert all("crash.log" in told.message for told in notices(d.app))
        assert "\x1b" not in d.app.crashes[0]
        log = home / "crash.log"
        assert "\x1b" not in log.read_text()
        assert "ValueError: broken" in log.read_text() and "test_crashes.py" in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
        await d.opens("RunsScreen", "2")  # everything works on
        await d.opens("HelpScreen", "question_mark")


async def test_what_fails_beside_a_screen_leaves_it_there(desk):
    async with desk(crashes=1) as d:
        d.app.push_screen(BrokenScreen("worker"))
        await broken(d)
        await d.on("BrokenScreen")


async def test_an_action_that_fails_leaves_the_screen_there(desk, monkeypatch):
    async with desk(crashes=2) as d:
        screen = await d.opens("RunsScreen", "2")

        def fail() -> None:
            raise ValueError("broken action")

        monkeypatch.setattr(screen, "action_stop", fail, raising=False)
        await d.press("S")
        await broken(d)
        d.app.in_thread(lambda: None, lambda _: fail())
        await broken(d, 2)
        assert d.app.screen is screen
        await d.opens("LeaderboardScreen", "3")


async def test_a_broken_main_screen_is_made_anew(desk):
    async with desk(crashes=1) as d:
        screen = await d.opens("RunsScreen", "2")
        screen.mount(Broken("mount"))
        await broken(d)
        await d.on("HomeScreen")
        assert await d.opens("RunsScreen", "2") is not screen
        await d.sees("No runs yet")


async def test_a_broken_dialog_gives_back_what_is_below(desk):
    async with desk(crashes=1) as d:
        screen = await d.opens("RunsScreen", "2")
        d.app.push_screen(BrokenDialog())
        await broken(d)
        assert await d.on("RunsScreen") is screen


def test_the_file_of_crashes_does_not_grow_for_ever(tmp_path: Path):
    (tmp_path / "crash.log").write_text("x" * (MAX_BYTES + 1))
    path = write_crash(tmp_path, ValueError("\ud800"), "here")
    assert path is not None and path.stat().st_size < 1000
    assert write_crash(tmp_path / "gone", ValueError(), "here") is None


BREAK = """
import gentui.tui.screens.help as help
def broken(*a, **k):
    raise RuntimeError('deliberately broken')
help.HelpScreen.on_resize = broken
help.HelpScreen.action_scroll = broken
"""


def test_in_a_real_terminal_the_app_goes_on(home: Path, runs, tmp_path: Path):
    run = runs.live(40)
    before = run.read_state()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BREAK)
    t = Terminal(home, PYTHONPATH=str(tmp_path / "site"))
    try:
        t.sees("▸ digits-unet")
        t.press("?")
        t.sees("RuntimeError", "crash.log")
        t.press("2")
        t.sees("● running")
        assert run.read_state() == before
        t.press("q")
        assert t.ended() == 0
        assert b"Traceback" not in t.raw
    finally:
        t.close()


async def test_a_page_key_before_a_list_is_laid_out_moves_nothing(desk):
    from textual.widgets import OptionList

    async with desk() as d:
        options = OptionList("one", "two")
        options.styles.height = 0
        await d.app.screen.mount(options)
        options.highlighted = 0
        options.action_page_down()
        options.action_page_up()
        assert options.highlighted == 0 and not d.app.crashes
