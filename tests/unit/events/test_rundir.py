"""A run's directory appears whole, its state is never half written, and its lock says whether it lives."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.runs.directory import (
    RunDir,
    State,
    boot_id,
    is_locked,
    is_run_id,
    list_runs,
    new_run_id,
    process_start_time,
)
from engine.runs.files import write_atomically


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, 'name = "x"\n', {"name": "label"}, State(queued_at=1.0))


def test_ids_sort_by_time_and_are_told_from_other_names():
    now = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
    ids = [new_run_id(now + timedelta(milliseconds=17 * n)) for n in range(200)]
    assert ids == sorted(ids) and all(map(is_run_id, ids))
    for name in ("", ".new-abc", "latest", ids[0] + "x", "../" + ids[0], ids[0].upper() + "\n"):
        assert not is_run_id(name)


def test_a_new_run_appears_whole_and_private(run, tmp_path):
    assert [r.id for r in list_runs(tmp_path)] == [run.id]
    assert run.info()["id"] == run.id and run.info()["name"] == "label"
    assert run.read_state() == State(queued_at=1.0)
    for path in [run.path.parent, run.path, *run.path.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_many_runs_made_at_once_all_appear(tmp_path):
    def make() -> None:
        for _ in range(20):
            RunDir.create(tmp_path, "", {}, State())

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list_runs(tmp_path)) == 80
    assert not [p for p in (tmp_path / "runs").iterdir() if p.name.startswith(".")]


def test_an_id_taken_by_another_process_meanwhile_is_not_taken_twice(run, tmp_path, monkeypatch):
    free = "20260301-120000-000ab"
    offered = iter([run.id, run.id, free])
    monkeypatch.setattr("engine.runs.directory.new_run_id", lambda: next(offered))
    made = RunDir.create(tmp_path, 'name = "y"\n', {}, State())
    assert made.id == made.info()["id"] == free
    assert run.recipe_path.read_text() == 'name = "x"\n'
    assert sorted(p.name for p in run.path.parent.iterdir()) == sorted([run.id, free])


def test_a_reader_sees_the_old_state_or_the_new_never_a_mixture(run):
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            run.write_state(State(attempt=n, reason="r" * (n % 500), extra={"n": n}))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(500):
            state = run.read_state()
            assert state.attempt == 0 or state.extra["n"] == state.attempt
    finally:
        stop.set()
        thread.join()
    assert not list(run.path.glob(".state*"))


def test_a_failed_write_leaves_the_old_file_and_no_litter(run, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run.write_state(State(status="done"))
    monkeypatch.undo()
    assert run.read_state().status == "queued"
    assert not [p for p in run.path.iterdir() if p.name.startswith(".")]


def test_states_of_other_versions_can_be_read(run):
    write_atomically(run.state_path, json.dumps({"status": "done", "attempt": 2, "invented_later": 5}).encode())
    assert run.read_state() == State(status="done", attempt=2)


def test_event_files_are_listed_by_attempt(run):
    for name in ("events-10.jsonl", "events-2.jsonl", "events-1.jsonl", "events-x.jsonl", "events-3.jsonl.bak"):
        (run.path / name).touch()
    assert [attempt for attempt, _ in run.events_files()] == [1, 2, 10]


def test_a_lock_inherited_by_a_child_outlives_its_parent(run):
    """The kernel's word for a live trainer: its worker may be gone."""
    assert not run.is_alive()
    fd = run.open_lock()
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert run.is_alive()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(fd,))
    os.close(fd)
    assert run.is_alive()
    child.kill()
    child.wait()
    assert not run.is_alive() and not is_locked(run.path / "no such lock")


def test_a_process_is_known_by_pid_and_start_time():
    assert boot_id()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    own, other = process_start_time(os.getpid()), process_start_time(child.pid)
    assert own is not None and other is not None and own <= other
    child.kill()
    child.wait()
    assert process_start_time(child.pid) is None
