from __future__ import annotations

import math
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from engine.runs.directory import State
from engine.runs.events import read_events
from gentui.index import Index, Tiles
from gentui.index.schema import VERSION
from tests.support.index import Log, dump, settle


def test_a_finished_run_is_told_as_its_log_tells_it(index, make_run):
    run = make_run(State(status="done", attempt=1, slot="cpu", started_at=1.7e9, exit_code=0), name="first")
    log = Log(run).start().metrics(range(1, 101), loss=lambda s: 1 / s, images_per_s=lambda s: 80.0)
    log.add("sample", 100, path="samples/000100.png", rows=10, columns=8, caption="grid")
    log.add("figure", 100, name="strip", path="figures/strip-000100.png", caption="process")
    log.add("checkpoint", 50, which="last", path="checkpoints/last", bytes=10)
    log.add("checkpoint", 100, which="last", path="checkpoints/last", bytes=11)
    log.add("alert", 60, severity="warning", name="slow", sentence="It is slow.", cause="c", remedy="r")
    log.score(100, 12.5).add("status", 100, status="done", reason="")
    assert index.refresh()
    row = index.run(run.id)
    assert (row.name, row.status, row.step, row.steps, row.images) == ("first", "done", 100, 1000, 800)
    assert row.metrics == {"loss": 0.01, "images_per_s": 80.0} and row.loss == 0.01
    assert row.seconds == pytest.approx(100) and row.precision == "fp32" and row.parameters == 9
    assert row.best and (row.best.metric, row.best.value, row.best.step) == ("fid", 12.5, 100)
    assert [s.path for s in index.samples(run.id)] == ["samples/000100.png"]
    assert [f.name for f in index.figures(run.id)] == ["strip"]
    assert [(c.which, c.step, c.bytes) for c in index.checkpoints(run.id)] == [("last", 100, 11)]
    assert [a.sentence for a in index.alerts(run.id)] == ["It is slow."] and row.alerts == 1
    assert index.metric_keys(run.id) == ["loss", "images_per_s"]


def test_a_picture_is_laid_out_as_its_event_says_within_reason(index, make_run):
    names = ["t-shirt", "boot"]
    log = Log(run := make_run()).start().metrics(range(1, 10), loss=float)
    log.add("sample", 5, path="samples/5.png", rows=2, columns=8, rows_are="classes", row_names=names)
    log.add(
        "figure", 5, name="strip", path="figures/strip-5.png", rows=1, columns=3, column_names=["0", "4", "9"]
    )
    log.add("figure", 5, name="tsne", path="figures/tsne-5.png")
    log.add(
        "figure",
        6,
        name="odd",
        path="figures/odd.png",
        rows="two",
        columns=-1,
        row_names=[1, None, "a\x1b[2J"] * 99,
    )
    index.refresh()
    assert index.samples(run.id)[0].tiles == Tiles(2, 8, "classes", "", ("t-shirt", "boot"))
    tiles = {figure.name: figure.tiles for figure in index.figures(run.id)}
    assert tiles["strip"] == Tiles(1, 3, column_names=("0", "4", "9")) and tiles["tsne"] == Tiles()
    assert tiles["odd"].rows == tiles["odd"].columns == 0 and tiles["odd"].row_names[:3] == ("", "", "a")
    assert len(tiles["odd"].row_names) <= 64


def test_nothing_new_changes_nothing(index, make_run):
    Log(make_run()).start().metrics(range(1, 50), loss=float)
    settle()
    assert index.refresh()
    version, rows = index.version(), dump(index.path)
    assert not index.refresh() and not Index(index.home).refresh()
    assert index.version() == version and dump(index.path) == rows


def test_reading_a_log_again_from_the_start_changes_no_row(index, make_run):
    Log(make_run()).start().metrics(range(1, 500), loss=float, noise=lambda s: math.nan).score(499, 3.0)
    settle()
    index.refresh()
    before = dump(index.path)
    db = sqlite3.connect(index.path)
    db.execute("UPDATE files SET position = 0")
    db.commit()
    db.close()
    Index(index.home).refresh()
    assert dump(index.path) == before


def test_a_torn_tail_waits_and_a_corrupt_line_is_counted(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 11), loss=float)
    line = log.line("metrics", 11, values={"loss": 11.0})
    log.append(line[:-7])
    index.refresh()
    assert index.run(run.id).step == 10 and index.run(run.id).corrupt == 0
    log.append(line[-7:])
    assert index.refresh()
    assert index.run(run.id).step == 11
    log.append(b"deadbeef {}\n" + line[:20] + b"\n\x00\x00\x00\n")
    log.metrics([12], loss=float)
    index.refresh()
    row = index.run(run.id)
    assert row.step == 12 and row.corrupt == 3 and row.loss == 12.0


def test_a_log_read_in_any_portions_gives_the_rows_of_a_whole_reading(tmp_path, home, make_run):
    run = make_run()
    source = Log(run).start().metrics(range(1, 400), loss=lambda s: math.sin(s) if s % 9 else math.inf)
    source.score(200, 4.0).score(399, 5.0)
    whole = source.path.read_bytes()
    index = Index(home)
    for end in [*range(0, len(whole), 3001), len(whole)]:
        source.path.write_bytes(whole[:end]) if end == 0 else append_up_to(source.path, whole, end)
        index.refresh()
    settle()
    index.refresh()
    portions = dump(index.path)
    index.rebuild()
    assert dump(index.path) == portions


def append_up_to(path: Path, whole: bytes, end: int) -> None:
    with path.open("ab") as file:
        file.write(whole[path.stat().st_size : end])


def test_a_resumed_attempt_replaces_what_older_ones_logged_beyond_its_start(index, make_run):
    run = make_run(State(status="done", attempt=2))
    Log(run, 1).start().metrics(range(1, 121), loss=lambda s: 1.0, old=lambda s: 5.0).score(60, 9.0).score(
        120, 1.0
    )
    index.refresh()
    assert index.run(run.id).step == 120 and index.run(run.id).best.value == 1.0
    Log(run, 2, began=900).start(80, "resumed").metrics(range(81, 101), loss=lambda s: 2.0)
    index.refresh()
    series = index.series(run.id, "loss")
    assert series.x.tolist() == list(range(1, 101))
    assert series.lo.tolist() == [1.0] * 80 + [2.0] * 20
    assert index.series(run.id, "old").x[-1] == 80
    row = index.run(run.id)
    assert row.step == 100 and row.metrics == {"loss": 2.0, "old": 5.0}
    assert row.best.value == 9.0 and [e.step for e in index.evaluations(run.id)] == [60]
    assert row.seconds == pytest.approx(100, abs=1)


def test_a_resumed_run_is_the_same_whether_read_live_or_afterwards(index, make_run):
    run = make_run(State(status="done", attempt=3))
    Log(run, 1).start().metrics(range(1, 2001), loss=float, only_then=float, first_in_no_order=float)
    index.refresh()
    log = Log(run, 2, began=10_000).start(1500, "resumed")
    for first in range(1501, 3001, 137):
        log.metrics(range(first, min(first + 137, 3001)), loss=lambda s: -s)
        index.refresh()
    Log(run, 3, began=9).start(2999, "resumed").metrics(range(3000, 3500), loss=float, new=float)
    settle()
    index.refresh()
    live = dump(index.path)
    index.rebuild()
    assert dump(index.path) == live


def test_a_run_begun_again_without_a_checkpoint_forgets_its_first_attempt(index, make_run):
    run = make_run()
    Log(run, 1).start().metrics(range(0, 50), loss=float)
    Log(run, 2).start().metrics(range(1, 10), loss=lambda s: -s)
    index.refresh()
    assert index.series(run.id, "loss").x.tolist() == list(range(1, 10))
    assert index.run(run.id).metrics == {"loss": -9.0}


def test_scores_made_of_a_finished_run_add_no_training_time(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 101), loss=float)
    log.add("status", 100, status="done", reason="")
    log.began += 86_400
    log.score(100, 3.0)
    index.refresh()
    row = index.run(run.id)
    assert row.seconds == pytest.approx(100) and row.best and row.best.value == 3.0


def test_a_replaced_log_is_read_from_its_beginning(index, make_run):
    run = make_run()
    Log(run).start().metrics(range(1, 100), loss=float)
    index.refresh()
    Log(run).path.unlink()
    Log(run).start().metrics(range(1, 11), loss=lambda s: 7.0)
    settle()
    index.refresh()
    assert index.series(run.id, "loss").lo.tolist() == [7.0] * 10
    assert index.run(run.id).step == 10


def test_removed_runs_vanish_with_every_row(index, make_run):
    kept, gone = make_run(), make_run()
    for run in (kept, gone):
        Log(run).start().metrics(range(1, 200), loss=float).score(199, 1.0)
    index.refresh()
    shutil.rmtree(gone.path)
    assert index.refresh()
    assert [row.id for row in index.runs()] == [kept.id]
    with pytest.raises(KeyError):
        index.run(gone.id)
    assert gone.id not in repr(dump(index.path))


def test_rebuild_after_deleting_the_index_gives_the_same_rows(index, make_run):
    for n in range(4):
        run = make_run(name=f"run {n}")
        Log(run).start().metrics(range(1, 3000), loss=lambda s: math.cos(s), lr=lambda s: 1e-3).score(
            2999, n + 1.0
        )
    settle()
    index.refresh()
    before = dump(index.path)
    for suffix in ("", "-wal", "-shm"):
        index.path.with_name(index.path.name + suffix).unlink(missing_ok=True)
    Index(index.home).rebuild()
    assert dump(index.path) == before
    index.path.unlink()
    other = Index(index.home)
    other.refresh()
    assert dump(index.path) == before


def test_an_ingest_in_progress_elsewhere_is_not_waited_for(index, make_run):
    from gentui.jobs.states import try_lock

    make_run()
    held = try_lock(index.home / "index.lock")
    assert held is not None
    assert not index.refresh()
    assert index.runs() == []
    import os

    os.close(held)
    assert index.refresh() and len(index.runs()) == 1


@pytest.mark.parametrize(
    "damage", ["garbage", "empty", "truncated", "older", "newer", "other tables", "zeroed pages"]
)
def test_a_damaged_or_foreign_index_is_made_again(index, make_run, damage):
    run = make_run()
    Log(run).start().metrics(range(1, 20_001), loss=float)
    index.refresh()
    path = index.path
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    match damage:
        case "older" | "newer":
            db.execute(f"PRAGMA user_version = {0 if damage == 'older' else 99}")
            db.commit()
        case "other tables":
            db.execute("DROP TABLE runs")
            db.commit()
    db.close()
    data = path.read_bytes()
    match damage:
        case "garbage":
            path.write_bytes(b"this is no database" * 1000)
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(data[: len(data) // 2])
        case "zeroed pages":
            path.write_bytes(data[:4096] + b"\0" * (len(data) - 4096))
    fresh = Index(index.home)
    fresh.refresh()
    assert [row.step for row in fresh.runs()] == [20_000]
    assert fresh.series(run.id, "loss", columns=10).points == 20_000
    assert [row.step for row in index.runs()] == [20_000]


def as_version(path, version: int) -> None:
    """Take the migrations after this version back."""
    with closing(sqlite3.connect(path)) as db:
        for later in range(VERSION, version, -1):
            for statement in TAKE_BACK[later]:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()


TAKE_BACK = {
    10: ["ALTER TABLE runs DROP COLUMN visit", "DELETE FROM _sqlite_migrations WHERE name = 'm007_visit'"],
    9: [
        "ALTER TABLE samples DROP COLUMN tiles",
        "ALTER TABLE figures DROP COLUMN tiles",
        "DELETE FROM _sqlite_migrations WHERE name = 'm006_tiles'",
    ],
    8: ["DROP TABLE visits", "DELETE FROM _sqlite_migrations WHERE name = 'm005_visits'"],
    7: ["DROP TABLE changes", "DELETE FROM _sqlite_migrations WHERE name = 'm004_changes'"],
    6: [
        "ALTER TABLE evaluations RENAME TO new",
        "CREATE TABLE evaluations (run TEXT, step INTEGER, metric TEXT, protocol_id TEXT, attempt INTEGER, value REAL,"
        " kind INTEGER, protocol TEXT, lower_is_better INTEGER, floor REAL, seconds REAL, detail TEXT, t REAL,"
        " best INTEGER, selected_by TEXT, std REAL, PRIMARY KEY (run, step, metric, protocol_id)) WITHOUT ROWID",
        "INSERT INTO evaluations SELECT run, step, metric, protocol_id, attempt, value, kind, protocol,"
        " lower_is_better, floor, seconds, detail, t, best, selected_by, std FROM new",
        "DROP TABLE new",
        "ALTER TABLE passes RENAME TO new",
        "CREATE TABLE passes (run TEXT, step INTEGER, seconds REAL, PRIMARY KEY (run, step)) WITHOUT ROWID",
        "INSERT INTO passes SELECT run, step, seconds FROM new",
        "DROP TABLE new",
        "UPDATE runs SET best = json_remove(best, '$[15]', '$[14]', '$[13]', '$[12]', '$[11]') WHERE best IS NOT NULL",
        "DELETE FROM _sqlite_migrations WHERE name = 'm003_reports'",
    ],
    5: [
        "ALTER TABLE runs RENAME COLUMN requested TO wanted",
        "DELETE FROM _sqlite_migrations WHERE name = 'm002_requested_device'",
    ],
}


@pytest.mark.parametrize("version", [4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("reads_first", [False, True])
def test_an_index_of_an_earlier_version_is_migrated_and_no_log_is_read_again(
    index, make_run, monkeypatch, reads_first, version
):
    run = make_run()
    Log(run).start().metrics(range(1, 101), loss=float).score(50, 9.0).score(90, 8.0).score(100, 8.5)
    index.refresh()
    before, inode = index.runs(), index.path.stat().st_ino
    scores, board = index.evaluations(run.id), index.leaderboard()
    as_version(index.path, version)

    def read_on(path, offset, *limits):
        assert offset, "read a log again from its beginning"
        return read_events(path, offset, *limits)

    monkeypatch.setattr("gentui.index.log_ingestor.read_events", read_on)
    fresh = Index(index.home)
    if not reads_first:  # else a reader meets the old tables before anybody has written
        fresh.refresh()
    if reads_first:
        assert fresh.leaderboard() == board
    assert fresh.runs() == before and fresh.series(run.id, "loss", columns=10).points == 100
    assert fresh.evaluations(run.id) == scores and fresh.leaderboard() == board
    fresh.refresh()
    assert fresh.path.stat().st_ino == inode
    with closing(sqlite3.connect(index.path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert db.execute("SELECT requested FROM runs").fetchall() == [("cpu",)]
        applied = [row[0] for row in db.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
    assert applied == [
        "m001_tables",
        "m002_requested_device",
        "m003_reports",
        "m004_changes",
        "m005_visits",
        "m006_tiles",
        "m007_visit",
    ]
    monkeypatch.undo()
    Log(run).metrics(range(101, 201), loss=float).report(90, 8.7)
    assert fresh.refresh() and fresh.run(run.id).step == 200
    best = fresh.run(run.id).best
    assert best is not None and (best.value, best.role) == (8.7, "report")


def test_an_index_whose_tables_do_not_fit_its_migrations_is_made_again(index, make_run):
    run = make_run()
    Log(run).start().metrics(range(1, 101), loss=float)
    index.refresh()
    inode = index.path.stat().st_ino
    with closing(sqlite3.connect(index.path)) as db:  # it says 4, and has no column that m002 could rename
        db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm002_requested_device'")
        db.execute("PRAGMA user_version = 4")
        db.commit()
    fresh = Index(index.home)
    fresh.refresh()
    assert [row.step for row in fresh.runs()] == [100] and fresh.path.stat().st_ino != inode


def test_a_reader_that_meets_damage_mends_it_without_being_asked(index, make_run):
    run = make_run()
    Log(run).start().metrics(range(1, 100), loss=float)
    index.refresh()
    for suffix in ("-wal", "-shm"):
        index.path.with_name(index.path.name + suffix).unlink(missing_ok=True)
    index.path.unlink()
    index.path.write_bytes(b"\xff" * 20_000)
    assert [row.id for row in Index(index.home).runs()] == [run.id]


def test_an_index_is_private(index, make_run):
    make_run()
    index.refresh()
    for path in index.home.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_non_finite_values_keep_their_kind(index, make_run):
    run = make_run()
    log = Log(run).start()
    values = {1: math.nan, 2: math.inf, 3: -math.inf, 4: 0.5}
    log.metrics(range(1, 5), loss=lambda s: values[s])
    log.score(4, math.nan, metric="fid").score(4, math.inf, metric="kid")
    index.refresh()
    db = sqlite3.connect(index.path)
    rows = db.execute(
        "SELECT step, value, kind FROM points JOIN series ON id = series WHERE key = 'loss'"
    ).fetchall()
    assert rows == [(1, None, 1), (2, None, 2), (3, None, 3), (4, 0.5, 0)]
    scores = {e.metric: e.value for e in index.evaluations(run.id)}
    assert math.isnan(scores["fid"]) and scores["kid"] == math.inf
    assert index.run(run.id).best is None and index.leaderboard("digits") == []


def test_the_time_before_training_begins_is_no_training_time(index, make_run):
    run = make_run(State(status="done", attempt=2))
    log = Log(run, began=100.0)
    log.add("status", 0, status="phase", phase="measuring precision", done=1, total=3)
    log.began += 40
    log.start().metrics(range(1, 11), loss=float)
    log = Log(run, 2, began=5000.0)
    log.add("status", 0, status="phase", phase="measuring precision", done=1, total=3)
    log.began += 40
    log.start(10, "resumed").metrics(range(11, 21), loss=float)
    index.refresh()
    assert index.run(run.id).seconds == pytest.approx(20, abs=0.1) and index.run(run.id).step == 20
    assert index.series(run.id, "loss", axis="time").x[-1] == pytest.approx(20, abs=0.1)


def test_a_figure_announced_again_under_its_path_is_there_once_as_it_is_now(index, make_run):
    run = make_run()
    log = Log(run).start()
    for step in (100, 200, 300):
        log.add("figure", step, name="strip", path=f"figures/strip-{step}.png", caption="")
        log.add("figure", step, name="progress", path="figures/progress.gif", caption=f"{step // 100} grids")
    index.refresh()
    figures = index.figures(run.id)
    assert [(f.step, f.caption) for f in figures if f.name == "progress"] == [(300, "3 grids")]
    assert [f.step for f in figures if f.name == "strip"] == [100, 200, 300]
    assert [f.step for f in figures] == sorted(f.step for f in figures)
    Log(run, attempt=2, began=500.0).start(200, "resumed")
    index.refresh()
    assert [(f.step, f.caption) for f in index.figures(run.id) if f.name == "progress"] == [(200, "2 grids")]
    index.rebuild()
    assert [(f.step, f.caption) for f in index.figures(run.id) if f.name == "progress"] == [(200, "2 grids")]
