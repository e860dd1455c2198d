"""Homes that cannot be written: a read-only mount, a closed folder, another user's."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.runs.directory import list_runs
from gentui.index import Index
from gentui.index.schema import OLDEST
from tests.support import disks

NOBODY = 54321
READING = [
    ["runs"], ["runs", "--json"], ["show", "mine"], ["logs", "mine"], ["logs", "-f", "mine"], ["events", "-f", "mine"],
    ["leaderboard"], ["export"], ["compare", "mine", "other"], ["trash", "list"], ["restore"], ["queue"],
    ["report", "mine", "other", "-o", "{out}/report"],
]  # fmt: skip
WRITING = [
    ["tag", "mine", "+x"], ["note", "mine", "text"], ["rename", "mine", "text"], ["resume", "other"], ["rm", "mine"],
    ["rm", "--now", "mine"], ["run", "digits-unet"], ["index", "rebuild"],
]  # fmt: skip

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cache(tmp_path) -> Path:
    cache = tmp_path / "cache"
    cache.mkdir()
    return cache


@pytest.fixture(params=["mount", "user"])
def closed(request, home, make_run, environment, cache, tmp_path) -> Iterator[Call]:
    """Runs ``gentui`` on the home as it is when first called, where it can only be read: through a read-only mount, or
    as another user."""
    make_run(name="mine", scores=(2.5,))
    make_run(name="other", status="stopped", scores=(4.5,))
    variables = {**environment, "XDG_CACHE_HOME": str(cache)}

    def call(*words: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, sys.executable, "-P", "-m", "gentui", *words],
            env=variables, capture_output=True, text=True, timeout=60, check=False, cwd="/",
        )  # fmt: skip

    if request.param == "mount":
        with disks.mounted_read_only(home, tmp_path / "backup") as place:
            variables["GENTUI_HOME"] = str(place)
            yield call
        return
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("acting as another user needs root and setpriv")
    # root without its privileges: like any user, it may not write what belongs to another
    unprivileged = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")

    def as_another_user(*words: str) -> subprocess.CompletedProcess[str]:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(home)], check=True)
        subprocess.run(["chmod", "-R", "a+rX,go-w", str(home)], check=True)
        return call(*words, prefix=unprivileged)

    yield as_another_user


def snapshot(home: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in home.rglob("*")}


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_only_reads_works_on_a_home_that_cannot_be_written(closed, home, command, tmp_path):
    Index(home).refresh()
    before = snapshot(home)
    done = closed(*(word.format(out=tmp_path) for word in command))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("cannot be written to") <= 1
    assert snapshot(home) == before
    if command[0] == "report":
        page = (tmp_path / "report" / "report.md").read_text()
        assert all(run.id in page for run in list_runs(home))


@pytest.mark.parametrize("index", ["none", "of today", "older", "newer", "damaged", "with a journal"])
def test_whatever_index_lies_there_the_runs_are_listed(closed, home, make_run, index):
    path = home / "index.db"
    if index != "none":
        Index(home).refresh()
    if index in ("older", "newer"):
        with sqlite3.connect(path) as db:
            db.execute(f"PRAGMA user_version = {OLDEST - 1 if index == 'older' else 99}")
        db.close()
    if index == "damaged":
        path.write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    if index == "with a journal":
        with sqlite3.connect(path) as db:
            db.execute("UPDATE runs SET name = 'journalled'")
            shutil.copy(f"{path}-wal", f"{path}.kept")
        db.close()
        Path(f"{path}.kept").replace(f"{path}-wal")
    make_run(name="newer than the index")
    listed = closed("runs", "--json")
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads(listed.stdout)) == 3
    assert listed.stderr.count("cannot be written to") == 1 and "it is only read" in listed.stderr


def test_the_logs_of_a_closed_home_are_read_once(closed, home, cache):
    assert closed("runs").returncode == 0
    (kept,) = cache.glob("gentui/indexes/*/index.db")
    read = kept.stat().st_mtime_ns
    again = closed("runs", "--json")
    assert again.returncode == 0 and len(json.loads(again.stdout)) == 2
    assert kept.stat().st_mtime_ns == read
    assert kept.stat().st_mode & 0o777 == 0o600 and kept.parent.stat().st_mode & 0o777 == 0o700


def test_without_a_cache_the_index_lasts_as_long_as_the_command(closed, cache):
    cache.rmdir()
    cache.write_text("no folder")
    listed = closed("runs")
    assert listed.returncode == 0 and "mine" in listed.stdout


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_what_must_write_says_so_in_a_sentence(closed, home, command):
    before = snapshot(home)
    done = closed(*command)
    assert done.returncode == 4, done.stderr
    (sentence,) = done.stderr.splitlines()
    assert "cannot be written to (" in sentence
    assert snapshot(home) == before


def test_a_run_that_was_live_when_it_was_copied_is_shown_as_it_ended(closed, home, runs):
    run = runs()[0]
    run.write_state(run.read_state().with_(status="running", pid=1, start_time=1, boot_id="another"))
    run.events_path(1).write_text("")
    shown = closed("show", run.id, "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["status"] == "interrupted"
    assert closed("logs", "-f", run.id).returncode == 0  # and does not wait for ever
    queued = closed("queue")
    assert queued.returncode == 0 and "nothing is queued, and nothing runs" in queued.stderr


def test_a_job_that_waits_in_a_closed_home_is_left_alone(closed, home, runs):
    run = runs()[0]
    run.write_state(run.read_state().with_(status="queued", queued_at=1.0, ended_at=None))
    listed = closed("runs")
    assert listed.returncode == 0 and "queued" in listed.stdout
    assert run.id in closed("queue").stdout
    assert not (home / "slots").exists()


def test_the_doctor_examines_a_home_that_cannot_be_written(closed):
    examined = closed("doctor", "--json")
    assert examined.returncode == 4  # nothing can be trained there
    checks = {check["name"]: check for check in json.loads(examined.stdout)["checks"]}
    assert not checks["home"]["ok"] and checks["index"]["ok"] and checks["runs"]["ok"]
    assert not any("please report" in check["fix"] for check in checks.values())
