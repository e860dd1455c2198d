"""Keys are answered at once: whatever is being ingested, whatever garbage there is, whatever began with Esc."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from gentui.index import Index
from gentui.tui import gc_tuning
from gentui.tui.driver import PromptDriver
from tests.support.app import THREADED


async def test_the_table_is_shown_while_a_pass_of_the_ingest_goes_on(
    runs, desk, monkeypatch: pytest.MonkeyPatch
):
    runs.make(name="early bird")
    Index(runs.home).refresh()
    goes_on, may_end = threading.Event(), threading.Event()
    refresh = Index.refresh

    def slow(self: Index, *given: object, **named: object) -> bool:
        goes_on.set()
        may_end.wait(60)
        return refresh(self, *given, **named)

    monkeypatch.setattr(Index, "refresh", slow)
    try:
        async with desk(ready=False, reader=THREADED) as d:
            await d.until(goes_on.is_set)
            await d.opens("RunsScreen", "2")
            await d.sees("early bird")
            assert not may_end.is_set()
            may_end.set()
    finally:
        may_end.set()


async def test_an_older_answer_does_not_take_the_focus_back(runs, desk):
    runs.make(steps=200)
    async with desk((160, 45)) as d:
        screen = await d.opens("RunScreen", "4")
        await d.until(lambda: screen.snapshot and len(screen.chart_data.charts) > 1)
        older = screen.snapshot
        await d.press("tab")
        await d.until(lambda: screen.chart_data.focus == 1)
        screen.show(older)
        assert screen.chart_data.focus == 1


@pytest.fixture
def as_before() -> Iterator[None]:
    thresholds, turn = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(turn)
    gc.unfreeze()
    gc_tuning._is_enabled = False


def test_garbage_waits_for_a_pause_in_the_typing(as_before: None, monkeypatch: pytest.MonkeyPatch):
    now, collected = [100.0], []
    monkeypatch.setattr(gc_tuning.time, "monotonic", lambda: now[0])
    gc_tuning.enable()
    fake = SimpleNamespace(
        get_count=lambda: (0, 0, gc_tuning.DUE_AFTER), collect=lambda: collected.append(now[0])
    )
    monkeypatch.setattr(gc_tuning, "gc", fake)
    gc_tuning.note_key()
    for now[0] in (100.1, 101.0, 103.0):
        gc_tuning.collect_if_idle()
    assert collected == [103.0]


def test_esc_alone_is_told_from_the_keys_that_begin_with_it():
    reading, writing = os.pipe()
    told: list[Any] = []
    came, ended = threading.Event(), threading.Event()

    def take(event: Any) -> None:
        told.append(event.key)
        came.set()

    driver: Any = SimpleNamespace(is_debugging=False, fileno=reading, exit_event=ended, process_message=take)
    thread = threading.Thread(target=PromptDriver.run_input_thread, args=(driver,))
    thread.start()
    try:
        for keys in (b"\x1b", b"\x1b[A", b"\x1b", b"x"):
            came.clear()
            os.write(writing, keys)
            assert came.wait(30)
    finally:
        ended.set()
        thread.join()
        os.close(reading)
        os.close(writing)
    assert told == ["escape", "up", "escape", "x"]
