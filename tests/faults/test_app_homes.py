"""The app over several homes, and over homes that cannot be written."""

# ruff: noqa: F811 - fixtures

from __future__ import annotations

import shutil

import pytest

from gentui.config import preferences
from gentui.index import Index
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Table
from tests.support import disks
from tests.support.app import THREADED, desk, home, runs  # noqa: F401
from tests.support.textual_private import notices

WIDE = (160, 45)


async def test_the_filter_of_the_runs_list_belongs_to_its_home(desk, runs, home, tmp_path):
    runs.make(name="first")
    runs.make(name="second", seed=1)
    other = shutil.copytree(home, tmp_path / "other", symlinks=True)
    async with desk(WIDE) as d:
        await d.opens("RunsScreen", "2")
        await d.press("slash", *"second", "enter")
        await d.until(lambda: preferences.read_of_home(home).runs_filter == "second")
    async with desk(WIDE, of=other) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.sees("first", "second")
        assert screen.query_one(Filter).value == ""
    async with desk(WIDE) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(
            lambda: screen.query_one(Filter).value == "second" and len(screen.query_one(Table).rows) == 1
        )


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "without an index"])
async def test_the_app_shows_a_read_only_home_and_says_so_once(
    desk, runs, home, tmp_path, indexed, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runs.make(name="kept")
    if indexed:
        Index(home).refresh()
    with disks.mounted_read_only(home, tmp_path / "backup") as place:
        async with desk(WIDE, of=place) as d:
            await d.opens("RunsScreen", "2")
            await d.sees("kept")
            await d.opens("RunScreen", "enter")
            await d.sees("loss")
            for _ in range(3):
                await d.renewed()
            said = [told.message for told in notices(d.app)]
            assert said == [f"{place} cannot be written to (read-only file system): it is only read."]
            assert " ! " not in d.text


async def test_the_app_shows_a_home_on_a_full_disk(desk, runs, home, tmp_path):
    runs.make(name="kept")
    with disks.small_disk(tmp_path / "disk") as disk:
        place = shutil.copytree(home, disk / "home", ignore=shutil.ignore_patterns("index*"))
        disks.fill(disk / "filler")
        async with desk(WIDE, of=place, reader=THREADED) as d:
            await d.opens("RunsScreen", "2")
            await d.sees("kept")
            await d.until(lambda: any("frees some of it." in told.message for told in notices(d.app)))
            (disk / "filler").unlink()
            (run,) = (place / "runs").iterdir()
            shutil.copytree(run, run.with_name("20200101-000000-00000"), symlinks=True)
            await d.until(lambda: len(d.app.screen.query_one(Table).rows) == 2)
