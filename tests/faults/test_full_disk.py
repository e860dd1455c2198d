"""Commands on a home whose disk is full: a tmpfs, filled to the last byte or the last file."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runs.directory import RunDir, State
from gentui.index import Index
from gentui.jobs.states import queue
from gentui.machine import disk
from tests.support import disks
from tests.support.cli import empty_home
from tests.support.jobs import wait_for_status
from tests.support.waiting import wait_for

BYTES, FILES = "size=3m", "size=64m,nr_inodes=300"


@pytest.fixture(params=[BYTES, FILES], ids=["bytes", "files"])
def small_disk(request, tmp_path) -> Iterator[Path]:
    with disks.small_disk(tmp_path / "disk", request.param) as place:
        yield place


@pytest.fixture
def home(small_disk) -> Iterator[Path]:
    """On the small disk."""
    with empty_home(small_disk) as home:
        yield home


def fill(home: Path) -> None:
    """Leave no room for a byte or a file on the home's disk; where SQLite's own files are missing, they stay so."""
    place = home.parent / "filler"
    place.mkdir(exist_ok=True)
    disks.fill(place / "bytes")
    try:
        for number in range(1000):
            (place / str(number)).touch()
    except OSError:
        return


@pytest.fixture
def full(make_run, home) -> list[RunDir]:
    """Two ended runs on a disk that has become full."""
    runs = [make_run(name="first", scores=(3.5, 2.5)), make_run(name="second", status="stopped", scores=(4.5,))]
    Index(home).refresh()
    fill(home)
    return runs


READING = [
    ["runs"], ["runs", "--json"], ["show", "first"], ["logs", "first"], ["events", "first"], ["leaderboard"],
    ["export"], ["compare", "first", "second"], ["recipes"], ["data"], ["trash", "list"], ["restore"], ["queue"],
]  # fmt: skip


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_only_reads_works_on_a_full_disk(gentui, full, command):
    done = gentui(*command)
    assert done.returncode == 0, done.stderr
    assert "rebuild" not in done.stderr and "Traceback" not in done.stderr
    assert done.stdout or "trash is empty" in done.stderr or "nothing is queued" in done.stderr


def test_scores_and_curves_are_all_there_on_a_full_disk(gentui, full):
    shown = {row["name"]: row for row in json.loads(gentui("runs", "--json").stdout)}
    assert shown["first"]["metrics"]["loss"] == 0.25 and len(shown["first"]["evaluations"]) == 2


def test_runs_newer_than_the_index_are_seen_on_a_full_disk(gentui, make_run, home):
    make_run(name="indexed")
    Index(home).refresh()
    make_run(name="newer")
    fill(home)
    assert {row["name"] for row in json.loads(gentui("runs", "--json").stdout)} == {"indexed", "newer"}


def test_there_need_be_no_index_on_a_full_disk(gentui, make_run, home):
    make_run(name="unread")
    fill(home)
    listed = gentui("runs")
    assert listed.returncode == 0 and "unread" in listed.stdout
    assert listed.stderr.count("the disk of") == 1
    assert "the runs take" in listed.stderr and "`gentui rm --now RUN` frees some of it" in listed.stderr


@pytest.mark.parametrize("command", [["index", "rebuild"], ["run", "digits-unet"]], ids=" ".join)
def test_what_needs_room_says_what_fills_the_disk_and_what_frees_it(gentui, full, home, command):
    before = sorted(home.rglob("*"))
    done = gentui(*command)
    assert done.returncode == 4 and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert f"the disk of {home}" in done.stderr and "`gentui rm --now RUN`" in done.stderr
    assert "index rebuild" not in done.stderr
    assert sorted(path for path in home.rglob("*") if "index" not in path.name) == [
        path for path in before if "index" not in path.name
    ], "nothing half made is left"


def test_a_tag_and_a_note_that_do_not_fit_say_so(gentui, full):
    for done in (gentui("tag", "first", "+x"), gentui("note", "first", "text")):
        assert done.returncode == 4 and "cannot be annotated: the disk of" in done.stderr


def test_an_evaluation_that_does_not_fit_in_the_queue_says_so(gentui, make_run, home):
    run = make_run(name="first")
    (run.checkpoints / "last").mkdir()
    Index(home).refresh()
    fill(home)
    done = gentui("evaluate", "first", "--no-wait")
    assert done.returncode == 4 and f"the disk of {home}" in done.stderr and "Traceback" not in done.stderr
    assert not list((home / "evaluations").rglob("*")), "nothing half made is left"


def test_pictures_that_do_not_fit_say_so_and_leave_the_old_ones(real_gentui, trained_once, home):
    shutil.copytree(trained_once.path, home / "runs" / trained_once.id, symlinks=True)
    old = home.parent / "old.png"
    old.write_bytes(b"of yesterday")
    fill(home)
    for name in ("old.png", "new.npy"):
        done = real_gentui("sample", trained_once.id, "-o", str(home.parent / name))
        assert done.returncode == 4 and "Traceback" not in done.stderr
        assert f"{home.parent / name}" in done.stderr and "No space left" in done.stderr, done.stderr
    assert old.read_bytes() == b"of yesterday"
    assert not [path for path in home.parent.iterdir() if "new" in path.name]


WAITS_FOR_SIGTERM = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("waits", flush=True)
signal.sigwait({signal.SIGTERM})
"""


def test_a_run_is_stopped_and_resumed_on_a_full_disk(gentui, environment, home, runs):
    environment["GENTUI_TRAINER"] = json.dumps([sys.executable, "-c", WAITS_FOR_SIGTERM])
    gentui("run", "digits-unet", "--name", "mine")
    (run,) = runs()
    wait_for(lambda: run.log_path.exists() and "waits" in run.log_path.read_text())
    fill(home)
    stopped = gentui("stop", "--wait", "mine")
    assert stopped.returncode == 0, stopped.stderr
    state = run.read_state()
    assert state.status == "stopped" and state.stop_requested_at is not None
    resumed = gentui("resume", "mine")
    assert resumed.returncode == 0, resumed.stderr
    assert run.read_state().status == "queued"  # it would only fail
    shutil.rmtree(home.parent / "filler")
    assert wait_for_status(run, "running").attempt == 2


def test_a_queued_run_is_moved_to_the_head_of_the_queue_on_a_full_disk(gentui, make_run, home):
    waiting = [make_run(name=name, status="stopped") for name in ("first", "second")]
    for moment, run in enumerate(waiting, 1):
        run.write_state(State("queued", slot="cpu", attempt=1, queued_at=float(moment)))
    fill(home)
    moved = gentui("queue", "second", "--first")
    assert moved.returncode == 0, moved.stderr
    assert [job.id for job, _ in queue(home)] == [waiting[1].id, waiting[0].id]
    listed = gentui("queue")
    assert listed.returncode == 0, listed.stderr
    assert [line.split()[1] for line in listed.stdout.splitlines()[1:]] == [waiting[1].id, waiting[0].id]


@pytest.fixture(params=["missing", "damaged"])
def without_index(request, home, full) -> list[RunDir]:
    """Those runs on the full disk, of whose index nothing can be read."""
    path = home / "index.db"
    for side in home.glob("index.db-*"):
        side.unlink()
    if request.param == "missing":
        path.unlink()
    else:
        size = path.stat().st_size
        with path.open("r+b") as file:  # in the room that it has
            file.write(os.urandom(size))
    fill(home)
    return full


@pytest.mark.parametrize(
    ("command", "tells"),
    [
        (["stop"], "has ended already: stopped"),
        (["logs"], "second line"),
        (["events"], '"status"'),
        (["resume"], ""),
        (["rm", "--now"], "removed"),
    ],
)
def test_a_run_is_handled_on_a_full_disk_without_an_index(gentui, without_index, command, tells):
    run = without_index[1]
    name, *options = command
    done = gentui(name, "second", *options)
    assert done.returncode == 0, done.stderr
    assert tells in done.stdout + done.stderr and "Traceback" not in done.stderr
    if name == "resume":
        assert run.read_state().status == "queued"
    assert run.path.exists() == (name != "rm")


def test_a_run_resumed_where_no_worker_found_room_begins_once_there_is_some(gentui, full, home):
    resumed = gentui("resume", "second")  # in a home that no worker has a lock in yet
    assert resumed.returncode == 0, resumed.stderr
    assert full[1].read_state().status == "queued"
    shutil.rmtree(home.parent / "filler")
    followed = gentui("logs", "-f", "second")
    assert followed.returncode == 0 and "attempt 2 from step 0" in followed.stdout, followed.stderr
    assert full[1].read_state().status == "done"


def test_the_trash_is_emptied_on_a_full_disk(gentui, make_run, home):
    run = make_run()
    gentui("rm", run.id)
    fill(home)
    done = gentui("trash", "empty", "--yes")
    assert done.returncode == 0 and "1 run in the trash was deleted" in done.stderr
    assert disk.refusal(home) is None or not list((home / "trash").iterdir())
    assert gentui("runs").returncode == 0


def test_a_run_is_deleted_on_a_full_disk(gentui, full, home):
    done = gentui("rm", "--now", "first")
    assert done.returncode == 0, done.stderr
    assert not full[0].path.exists() and not list((home / "runs").glob(".removed-*"))


def _contents(folder: Path) -> dict[Path, bytes | None]:
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


def test_a_run_that_does_not_fit_into_the_trash_says_what_deletes_it(gentui, full, home):
    before = _contents(full[0].path)
    done = gentui("rm", "first")
    if done.returncode:  # a new folder needs room
        assert f"`gentui rm --now {full[0].id}` deletes it for good" in done.stderr
        assert _contents(full[0].path) == before
    else:
        assert not full[0].path.exists()
        assert _contents(home / "trash" / full[0].id / "run") == before


def test_the_doctor_names_what_frees_the_disk(gentui, full, home):
    examined = gentui("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(examined.stdout)["checks"]}
    assert not checks["disk"]["ok"] and "`gentui rm --now RUN`" in checks["disk"]["fix"]
    assert checks["index"]["ok"] and checks["runs"]["ok"]
    assert not any("please report" in check["fix"] for check in checks.values())


def test_an_exported_table_that_does_not_fit_leaves_the_old_one(gentui, full, home, tmp_path):
    old = home.parent / "table.csv"
    shutil.rmtree(home.parent / "filler")
    old.write_text("of yesterday")
    fill(home)
    done = gentui("export", "-o", str(old))
    assert done.returncode == 4 and f"{old} cannot be written: the disk of" in done.stderr
    assert old.read_text() == "of yesterday"
    assert gentui("export", "-o", str(tmp_path / "table.csv")).returncode == 0


def test_a_report_is_written_onto_another_disk(gentui, full, tmp_path):
    done = gentui("report", "first", "second", "-o", str(tmp_path / "report"))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report" / "report.md").read_text()
    assert full[0].id in page and full[1].id in page and "3.5" in page and "4.5" in page
    assert list((tmp_path / "report" / "pictures").glob("*.svg"))


def test_a_report_that_does_not_fit_says_so(gentui, full, home):
    done = gentui("report", "first", "-o", str(home.parent / "report"))
    assert done.returncode == 4 and "Traceback" not in done.stderr
    assert f"the disk of {home}" in done.stderr and "`gentui rm --now RUN`" in done.stderr


def test_the_index_is_the_homes_own_again_once_there_is_room(make_run, home):
    make_run()
    fill(home)
    index = Index(home)
    index.refresh()
    assert index.note and index.path.parent != home and len(index.runs()) == 1
    shutil.rmtree(home.parent / "filler")
    make_run()
    index.refresh()
    assert not index.note and index.path.parent == home and len(index.runs()) == 2
