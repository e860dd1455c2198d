"""The app over a home with real run directories, and ways to drive it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.css.query import NoMatches
from textual.geometry import Size

from engine.recipes import recipe
from engine.runs.paths import shipped_dir
from gentui.config import key_table
from gentui.tui import workbench
from gentui.tui.index_reader import IndexReader, InlineIndexReader
from gentui.tui.sampler_process import SamplerProcess
from gentui.tui.workbench import GentuiApp
from tests.support.processes import end_all_of
from tests.support.runs import Runs
from tests.support.textual_private import (
    draw_now,
    is_batching,
    is_drawing_due,
    is_resize_due,
    resize_terminal,
    screen_strips,
    send_key,
    send_paste,
)
from tests.support.waiting import loop_is_idle


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A playground whose process is not there: it is told by the test what came of its questions."""
    monkeypatch.setattr(SamplerProcess, "__init__", lambda self, run, device, heard: None)
    monkeypatch.setattr(SamplerProcess, "ask", lambda self, **words: 1)
    monkeypatch.setattr(SamplerProcess, "end", lambda self: None)


@pytest.fixture
def quick_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A playground whose process is a stand-in that has no weights to read: ``sampler_server.py``."""
    server = Path(__file__).with_name("sampler_server.py")
    monkeypatch.setattr("gentui.tui.sampler_process.SERVER", (sys.executable, "-P", str(server)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home whose trainers are ``app_trainer.py``; nothing started under it outlives the test."""
    monkeypatch.setenv(
        "GENTUI_TRAINER", json.dumps([sys.executable, "-P", str(Path(__file__).with_name("app_trainer.py"))])
    )
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(GentuiApp, "NOTIFICATION_TIMEOUT", 3600)  # notices stay, however busy the machine is
    monkeypatch.chdir(tmp_path)  # where tables and pictures are saved by default
    monkeypatch.setattr(recipe, "_parse_once", _validated_once)
    monkeypatch.setenv("GENTUI_CONFIG", str(tmp_path / "config"))  # layouts are kept there
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "app.json").write_text('{"toured": true}')
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    yield folder
    end_all_of(folder)


_parse_once = recipe._parse_once


def _validated_once(text: str, file: str, overrides: tuple[str, ...], folder: Path) -> recipe.Recipe:
    """The recipe of a text: as it ships it names no path, and so is the same in the working directory of every test."""
    is_shipped = not overrides and Path(file).is_absolute() and Path(file).is_relative_to(shipped_dir())
    return _parse_once(text, file, overrides, Path("/") if is_shipped else folder)


@pytest.fixture
def runs(home: Path) -> Iterator[Runs]:
    made = Runs(home)
    yield made
    made.let_go()


@pytest.fixture
def size() -> tuple[int, int]:
    """A large terminal; every screen is looked at in a small one by the snapshots."""
    return (160, 45)


@pytest.fixture(params=[(80, 24), (160, 45)], ids=["80x24", "160x45"])
def each_size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """A small and a large terminal, for what differs between them."""
    return request.param


Look = tuple[str, str]
"""The text, and the hash of the styles."""


def text_of(app: Any) -> str:
    strips = screen_strips(app)
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def look(app: Any) -> Look:
    """The screen's text, and a hash of every style with its place."""
    styles, at = hashlib.sha256(), 0
    for strip in screen_strips(app):
        for segment in strip.simplify():
            styles.update(f"{at} {segment.style}".encode())
            at += segment.cell_length
    return text_of(app), styles.hexdigest()[:16]


WORK = 0.25
"""Seconds that a condition waits for what the app is at, before it is looked at all the same."""


class Desk:
    """The app under a pilot, and ways to wait for what it shows.

    With an inline reader, which is the default, each of them first brings everything up to date (``settle``), so that
    what has been begun is seen and nothing is waited for by the clock.
    """

    def __init__(self, app: GentuiApp, pilot: Any):
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        """What stands on the screen."""
        strips = screen_strips(self.app)
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    def words_in(self, selector: str) -> str:
        """What stands within the frame of a widget of this screen, in one line."""
        box = self.app.screen.query_one(selector).region.shrink((1, 1, 1, 1))
        lines = self.text.splitlines()[box.y : box.bottom]
        return " ".join(" ".join(line[box.x : box.right] for line in lines).split())

    @property
    def is_inline(self) -> bool:
        """Whether the app reads its index only when it is told to."""
        return isinstance(self.app.reader, InlineIndexReader)

    async def drawn(self) -> None:
        """Until every message and key has been handled and what came of them is drawn."""
        for _ in range(100):
            await loop_is_idle()
            if not self.app.screen_stack or self._is_held or not is_drawing_due(self.app.screen):
                return
            draw_now(self.app.screen)
        raise AssertionError("the screen is drawn for ever")

    async def settle(self, seconds: float = 10.0) -> None:
        """Until nothing goes on that was begun: keys, messages, work in threads, painting; the index read anew.

        Work that takes longer than ``seconds`` goes on.
        """
        deadline = time.monotonic() + seconds
        await self._at_rest(deadline)
        if self.is_inline and self.app.is_running:
            self.app.reader.update()  # type: ignore[attr-defined]
            await self._at_rest(deadline)

    async def _at_rest(self, deadline: float) -> None:
        await self.drawn()
        while self._is_at_work and time.monotonic() < deadline:
            await asyncio.sleep(0.002)
            await self.drawn()

    @property
    def _is_held(self) -> bool:
        """Whether the screen holds its painting back."""
        return any(getattr(screen, "_held", None) for screen in self.app.screen_stack[-1:])

    @property
    def _is_at_work(self) -> bool:
        is_waiting = self._is_held or is_resize_due(self.app) or is_batching(self.app)
        return is_waiting or any(not worker.is_finished for worker in self.app.workers)

    async def type(self, *keys: str) -> None:
        """Give keys as the terminal does, and wait until each has been handled, but not for what it has begun."""
        for key in keys:
            send_key(self.app, key)
            await self.drawn()

    async def press(self, *keys: str) -> None:
        """Give keys; wait for what they have begun where the reader is inline."""
        await self.type(*keys)
        if self.is_inline:
            await self.settle()

    async def burst(self, *keys: str) -> None:
        """Give keys without a pause, as a terminal does that a slow line had held back; then as ``press``."""
        for key in keys:
            send_key(self.app, key)
        await self.drawn()
        await self.settle()

    async def paste(self, text: str) -> None:
        """Paste text, which is one event and not a key for each letter; then as ``press``."""
        send_paste(self.app, text)
        await self.drawn()
        if self.is_inline:
            await self.settle()

    async def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        size = Size(columns, rows)
        resize_terminal(self.app, size)
        self.app.post_message(events.Resize(size, size))
        await self.settle()

    async def until(self, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Wait for a condition, and return what it returned."""
        deadline, pause = time.monotonic() + seconds, 0.002
        while True:
            await self.settle(WORK)
            with contextlib.suppress(NoMatches):
                if value := condition():
                    return value
            assert time.monotonic() < deadline, f"waited {seconds:g} s in vain; the screen:\n{self.text}"
            await asyncio.sleep(pause)
            pause = min(0.1, 1.5 * pause)

    async def sees(self, *words: str, seconds: float = 60.0) -> None:
        """Wait until all the words stand on the screen."""
        await self.until(lambda: all(word in self.text for word in words), seconds)

    async def on(self, name: str) -> Any:
        """Wait for a screen by its class's name."""
        await self.until(lambda: type(self.app.screen).__name__ == name)
        return self.app.screen

    async def opens(self, name: str, *keys: str) -> Any:
        """Press the keys and wait for the screen they lead to."""
        await self.type(*keys)
        return await self.on(name)

    async def renewed(self) -> None:
        """Wait until the index was asked anew for what is shown."""
        await self.settle()
        if not self.is_inline:
            for _ in range(2):  # a pass that goes on already may have asked before
                passes = self.app.reader.passes
                self.app.reader.wake()
                await self.until(lambda passes=passes: self.app.reader.passes != passes)


THREADED = partial(workbench.THREADED, every=0.1)
"""The reader of the app as it is used, with shorter pauses."""


@pytest.fixture
def desk(home: Path) -> Callable[..., AbstractAsyncContextManager[Desk]]:
    """``async with desk(size) as d``: the app over the home (``of`` another), its menu loaded.

    Its index is read inline (``Desk.settle``), or with ``reader=THREADED`` in the threads of the app as it is used.
    """

    @asynccontextmanager
    async def open_desk(
        size: tuple[int, int] = (80, 24),
        images: str = "half",
        ready: bool = True,
        crashes: int = 0,
        reader: Callable[..., IndexReader] = InlineIndexReader,
        of: Path = home,
    ) -> AsyncIterator[Desk]:
        app = GentuiApp(of, images, reader=reader)
        async with app.run_test(size=size) as pilot:
            d = Desk(app, pilot)
            if ready:
                await d.until(lambda: app.screen._loaded and app.reader.passes)  # type: ignore[attr-defined]
            yield d
        assert len(app.crashes) == crashes, app.crashes

    return open_desk


@pytest.fixture
def keys_file(home: Path, tmp_path: Path, monkeypatch):
    """Write keys.toml into a config directory of the test's own; default keys again afterwards."""
    monkeypatch.setenv("GENTUI_CONFIG", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()

    def write(text: str) -> None:
        (tmp_path / "mine" / "keys.toml").write_text(text)

    yield write
    key_table.use_keymap({})
