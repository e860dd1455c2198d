"""``Index``: refreshes the index and answers the queries of the app, the command line and the exports."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gentui.index import status as run_status
from gentui.index.columns import best_score, number_of, remaining, seed_of, settings_of, tiles_of
from gentui.index.elsewhere import known_place, own_place, place_for
from gentui.index.finding import find_run
from gentui.index.listing import Listing
from gentui.index.rows import (
    AlertRow,
    CheckpointRow,
    Evaluation,
    FigureRow,
    LeaderboardRow,
    RunRow,
    SampleRow,
    Series,
    along_the_run,
    protocol_of,
)
from gentui.index.visits import time_left
from gentui.jobs.launchers.local.slots import label
from gentui.metrics.namespaces import SYSTEM

if TYPE_CHECKING:
    from gentui.index.writer import Writer
    from gentui.metrics.smoothing import Smoothing

_RUN_COLUMNS = (
    "id", "name", "recipe", "title", "family", "dataset", "quick", "stand_in_for", "status", "reason", "step",
    "total_steps", "images", "total_images", "steps_per_epoch", "seconds", "seed", "device", "precision",
    "parameters", "created_at", "queued_at", "started_at", "ended_at", "attempt", "slot", "pid", "exit_code",
    "signal", "metrics", "best", "protocols", "alerts", "alarms", "scoring", "corrupt", "phase", "reference",
    "estimate", "requested", "problem", "tags", "notes", "settings", "scores",
)  # fmt: skip
_SELECT_RUNS = f"SELECT {', '.join(_RUN_COLUMNS)} FROM runs"
T = TypeVar("T")
_STATUS = _RUN_COLUMNS.index("status")
_UNFINISHED = frozenset({"queued", "running"})


class Index:
    """The index of one home. Cheap to create and safe to use from several threads, each with its own connection.

    Reading takes no lock and sees only complete transactions. Only ``refresh`` and ``rebuild`` write. Where the home
    cannot be written (a full disk, a read-only or another user's home), an index elsewhere takes its place.

    ``path``: of the index in use. ``note``: a sentence on why that is not the home's own; "" if it is.
    """

    def __init__(self, home: Path):
        self.home = Path(home)
        self._own_path = own_place(self.home)
        self.path = known_place(self.home) or self._own_path
        self.note = ""
        self._is_fixed = False
        self._writers: dict[Path, Writer] = {}
        self._local = threading.local()
        self._listing = Listing()
        self._board = Listing()
        self._board_version = 0

    # -- writing -------------------------------------------------------------------------------------

    def _writer(self, path: Path) -> Writer:
        from gentui.index.writer import Writer

        return self._writers.setdefault(path, Writer(self.home, path))

    def refresh(self, wait: float = 0.0, poll: bool = False) -> bool:
        """Read what changed in the runs; returns whether anything did.

        ``poll``: look at runs that had ended only in turn, see ``gentui.jobs.rota``; for one that asks again and again.

        Returns False if another process is refreshing for longer than ``wait`` seconds. An index of an earlier version
        is migrated; a damaged one is rebuilt.
        """
        try:
            changed = self._writer(self._own_path).refresh(wait, poll)
        except (OSError, sqlite3.Error) as error:
            self._go_elsewhere(error)
            return not self._is_fixed and self._writer(self.path).refresh(wait, poll)
        self.path, self.note, self._is_fixed = self._own_path, "", False
        return changed

    def rebuild(self) -> None:
        """Rebuild the index from ``runs/``. Readers see the old one until the new one is complete."""
        self._writer(self._own_path).rebuild()

    def _go_elsewhere(self, error: OSError | sqlite3.Error) -> None:
        """Use an index outside the home from now on, or the home's own as it is if there is no room for another.

        Raises ``error`` unless it comes from a home that cannot be written.
        """
        from gentui.machine import disk

        cause = disk.cause_of(error, self.home)
        if cause is None:
            raise error
        is_closed = cause.errno in disk.CLOSED
        if not self.note:
            self.note = f"{disk.why(cause, self.home)}{': it is only read' if is_closed else ''}"
        place = place_for(self.home, self._own_path, is_closed)
        self._is_fixed = place is None  # nowhere is room for another: the home's own, as it is
        self.path = place or self._own_path

    # -- reading -------------------------------------------------------------------------------------

    def version(self) -> int:
        """A number that increases whenever the content changes. Takes microseconds."""
        rows = self._ask("SELECT value FROM meta WHERE key = 'version'")
        return rows[0][0] if rows else 0

    def runs(self, status: str | None = None, dataset: str | None = None) -> list[RunRow]:
        """Every run, newest first, with its current status. Do not modify the rows: they may be shared."""
        rows = self._read(self._all_runs) or []
        return [row for row in rows if status in (None, row.status) and dataset in (None, row.dataset)]

    def run(self, run_id: str) -> RunRow:
        """One run. Raises KeyError if the index does not have it."""

        def read(db: sqlite3.Connection) -> RunRow | None:
            values = db.execute(f"{_SELECT_RUNS} WHERE id = ?", (run_id,)).fetchone()
            return None if values is None else self._make_row(values, db)

        if (row := self._read(read)) is None:
            raise KeyError(run_id)
        return row

    def find(self, spec: str) -> str:
        """The id of the run that ``finding.find_run`` finds."""
        return find_run(self.home, spec)

    def metric_keys(self, run_id: str) -> list[str]:
        """Names of a run's metrics, in the order they first appeared."""
        rows = self._ask("SELECT key FROM series WHERE run = ? AND key NOT LIKE '@%' ORDER BY id", run_id)
        return [row[0] for row in rows]

    def series(
        self,
        run_id: str,
        key: str,
        columns: int = 150,
        lo: float | None = None,
        hi: float | None = None,
        axis: str = "step",
        smoothing: Smoothing | None = None,
    ) -> Series:
        """A metric in at most ``columns`` buckets between ``lo`` and ``hi`` of the axis (None: its ends).

        ``axis`` is ``step``, ``time`` (seconds trained), ``images``, ``epoch`` or another metric, ``metric:lr``: then
        the buckets follow one another in steps, and their places may go back. Zoomed far out, the range
        may begin up to a quarter of a column early. ``smoothing`` is over the logged values, so neither the number of
        columns nor the range changes it. A metric the run does not have gives an empty series.
        """
        from gentui.index import series
        from gentui.metrics.smoothing import NO_SMOOTHING

        how = smoothing or NO_SMOOTHING
        found = self._read(lambda db: series.read(db, run_id, key, columns, lo, hi, axis, how))
        return series.empty() if found is None else found

    def sparks(self, metrics: Mapping[str, str]) -> dict[str, tuple[float, ...]]:
        """A metric of each of many runs in ``sparks.CELLS`` means of equally many steps, NaN where none was logged:
        ``metrics`` names it by run id. Runs that do not have it are left out."""
        from gentui.index import sparks

        return self._read(lambda db: sparks.read(db, metrics)) or {} if metrics else {}

    def extent(self, run_id: str, axis: str = "step") -> tuple[float, float] | None:
        """The ends of a run's metrics on an axis; None while it has none."""
        from gentui.index import series

        return self._read(lambda db: series.extent(db, run_id, axis))

    def score_series(self, run_id: str, metric: str, axis: str = "step", like: str | None = None) -> Series:
        """The scores of a metric along the run, those of reports left out: those of the protocol with the most of them,
        for others do not compare. ``like``: those of the protocol that another run's have."""
        import numpy as np

        from gentui.index import series

        main = protocol_of(metric, self.evaluations(like or run_id))
        of = along_the_run(metric, self.evaluations(run_id))
        of = [s for s in of if (s.protocol_id or s.protocol) == main]
        values_at = {s.step: s.value for s in of}
        steps, values = np.array(sorted(values_at.items()), np.float64).reshape(-1, 2).T
        found = self._read(lambda db: series.read_scores(db, run_id, steps, values, axis)) or series.empty()
        if of:
            found.lower_is_better = of[0].lower_is_better
            found.floor = next((s.floor for s in reversed(of) if s.floor is not None), None)
        return found

    def places(self, run_id: str, steps: Any, axis: str) -> Any:
        """Where steps of a run are on an axis, as float64; see ``series``."""
        from gentui.index import series

        return self._read(lambda db: series.read_scores(db, run_id, steps, steps, axis).x)

    def last_metrics(self, run_id: str) -> dict[str, float]:
        """The last value of each metric, including NaN and infinities."""
        rows = self._ask("SELECT metrics FROM runs WHERE id = ?", run_id)
        return json.loads(rows[0][0]) if rows else {}

    def system(self, run_id: str) -> dict[str, tuple[float, float]]:
        """(mean, maximum) of each system metric while a run trained, by its name without the prefix."""
        rows = self._ask(
            "SELECT key, avg(value), max(value) FROM series JOIN points ON series.id = series"
            " WHERE run = ? AND key LIKE ? GROUP BY key ORDER BY series.id",
            run_id, f"{SYSTEM}%",
        )  # fmt: skip
        return {key.removeprefix(SYSTEM): (mean, most) for key, mean, most in rows}

    def evaluations(self, run_id: str) -> list[Evaluation]:
        """Every score of a run, oldest first."""
        from gentui.index.conditions import over_of

        rows = self._ask(
            "SELECT metric, value, kind, protocol, protocol_id, step, best, floor, seconds, lower_is_better,"
            " detail, t, selected_by, std, role, over, floor_std, noise_seed"
            " FROM evaluations WHERE run = ? ORDER BY t, step, metric", run_id,
        )  # fmt: skip
        return [
            Evaluation(
                metric=row[0], value=number_of(row[1], row[2]), protocol=row[3], protocol_id=row[4], step=row[5],
                best=bool(row[6]), floor=row[7], seconds=row[8], lower_is_better=bool(row[9]),
                detail=(detail := json.loads(row[10])), t=row[11], selected_by=row[12], std=row[13], role=row[14],
                over=over_of(row[15], row[13], detail), floor_std=row[16], noise_seed=seed_of(row[17]),
            )
            for row in rows
        ]  # fmt: skip

    def samples(self, run_id: str) -> list[SampleRow]:
        sql = "SELECT step, path, caption, t, rows, columns, tiles FROM samples WHERE run = ? ORDER BY step, t"
        return [
            SampleRow(step, path, caption, t, tiles_of(tiles, rows or 0, columns or 0))
            for step, path, caption, t, rows, columns, tiles in self._ask(sql, run_id)
        ]

    def figures(self, run_id: str) -> list[FigureRow]:
        """Every figure of a run, oldest first. Of figures with the same path only the newest."""
        sql = (
            "SELECT max(step), name, path, caption, t, tiles FROM figures WHERE run = ? GROUP BY path"
            " ORDER BY 1, t, name"
        )
        return [
            FigureRow(step, name, path, caption, t, tiles_of(tiles))
            for step, name, path, caption, t, tiles in self._ask(sql, run_id)
        ]

    def alerts(self, run_id: str) -> list[AlertRow]:
        sql = (
            "SELECT step, began, severity, name, sentence, cause, remedy, t FROM alerts WHERE run = ?"
            " ORDER BY t, step"
        )
        return [AlertRow(*row) for row in self._ask(sql, run_id)]

    def checkpoints(self, run_id: str) -> list[CheckpointRow]:
        """The newest checkpoint of each kind."""
        sql = "SELECT which, max(step), path, bytes, t FROM checkpoints WHERE run = ? GROUP BY 1 ORDER BY 1"
        return [CheckpointRow(*row) for row in self._ask(sql, run_id)]

    def leaderboard(self, dataset: str | None = None) -> list[LeaderboardRow]:
        """The score that stands for each run under each protocol, ranked, and published figures of shipped recipes."""
        from gentui.index import leaderboard as boards

        scores = self._ask(boards.SCORES, {"dataset": dataset})
        figures = list(boards.shipped_figures())
        known = {(figure.dataset, figure.recipe, figure.metric, figure.value) for figure in figures}
        figures += [
            figure
            for row in self._ask("SELECT DISTINCT dataset, recipe, title, reference FROM runs"
                                 " WHERE reference IS NOT NULL AND stand_in_for IS NULL")
            if (figure := boards.published(row[0], row[1], row[2], json.loads(row[3])))
            and (figure.fields or (figure.dataset, figure.recipe, figure.metric, figure.value) not in known)
        ]  # fmt: skip
        return boards.board(scores, [f for f in figures if dataset in (None, f.dataset)])

    def board_version(self) -> int:
        """A number that changes whenever ``leaderboard()`` may: not with every step of a run that trains."""
        return self._read(self._look_at_board) or 0

    def _look_at_board(self, db: sqlite3.Connection) -> int:
        from gentui.index import leaderboard as boards

        board = self._board
        with board.lock:
            changed = board.begin(db, self._local.inode)
            if changed is None:
                board.held = {}
                self._board_version += 1
            for run in changed or ():
                known = hash(tuple(db.execute(boards.OF_A_RUN, (run,))))
                if board.held.get(run) != known:
                    board.held[run] = known
                    self._board_version += 1
            board.end(db)
            return self._board_version

    # -- connections ---------------------------------------------------------------------------------

    def _reader(self) -> sqlite3.Connection | None:
        """This thread's read-only connection; None when there is no index yet."""
        path = self.path
        inode = self._inode(path)
        if inode is None:
            self._drop()
            return None
        if getattr(self._local, "inode", None) != inode:  # first use, or the index was made again
            self._drop()
            try:
                mode = "mode=ro&immutable=1" if self._is_fixed else "mode=ro"
                self._local.db = sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True, timeout=5.0)
            except sqlite3.OperationalError:
                return None
            self._local.inode = inode
        return self._local.db

    def _inode(self, path: Path) -> tuple[int, int] | None:
        """The index file's device and inode. One that was here and is gone is being replaced: it is back at once."""
        deadline = time.monotonic() + (0.5 if getattr(self._local, "inode", None) else 0.0)
        while True:
            try:
                found = os.stat(path)  # noqa: PTH116 - at every query
                return found.st_dev, found.st_ino
            except FileNotFoundError:
                if time.monotonic() > deadline:
                    return None
                time.sleep(0.005)

    def _drop(self) -> None:
        db = getattr(self._local, "db", None)
        self._local.db = self._local.inode = None
        if db is not None:
            db.close()

    def _ask(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """Rows of a query; none when there is no index yet."""
        parameters = args[0] if args and isinstance(args[0], dict) else args
        return self._read(lambda db: db.execute(sql, parameters).fetchall()) or []

    def _read(self, question: Callable[[sqlite3.Connection], T]) -> T | None:
        """The answer of this thread's connection; None when there is no index. A damaged one is mended."""
        for mended in (False, True):
            if (db := self._reader()) is None:
                return None
            try:
                return question(db)
            except sqlite3.DatabaseError as error:
                self._drop()
                if mended:
                    raise
                self._mend(error)
        raise AssertionError("unreachable")

    def _mend(self, error: sqlite3.DatabaseError) -> None:
        """Have a usable index after a reader's error. Raises ``error`` if it has another cause."""
        try:
            if self._writer(self.path).mend(error):
                return
        except (OSError, sqlite3.Error) as cause:
            self._go_elsewhere(cause)
        else:
            self._go_elsewhere(error)
        if not self._is_fixed:
            self._writer(self.path).refresh(wait=5.0)

    # -- rows ----------------------------------------------------------------------------------------

    def _all_runs(self, db: sqlite3.Connection) -> list[RunRow]:
        """Every run, newest first. Only those that changed since the last time are read; those that have not ended
        are also checked against their processes."""
        listing = self._listing
        with listing.lock:
            changed = listing.begin(db, self._local.inode)
            if changed is None:
                listing.held = {row[0]: row for row in db.execute(f"{_SELECT_RUNS} ORDER BY id DESC")}
                is_new = True
            else:
                read = {run: db.execute(f"{_SELECT_RUNS} WHERE id = ?", (run,)).fetchone() for run in changed}
                is_new = any((run in listing.held) != (row is not None) for run, row in read.items())
                for run, row in read.items():
                    if row is None:
                        listing.held.pop(run, None)
                    else:
                        listing.held[run] = row
            listing.end(db)
            if is_new:
                listing.held = dict(sorted(listing.held.items(), reverse=True))
            for run, row in listing.held.items():
                if type(row) is tuple and row[_STATUS] not in _UNFINISHED:
                    listing.held[run] = self._make_row(row, db)
            return [self._make_row(row, db) if type(row) is tuple else row for row in listing.held.values()]

    def _make_row(self, values: tuple[Any, ...], db: sqlite3.Connection) -> RunRow:
        (id, name, recipe, title, family, dataset, quick, stand_in_for, status, reason, step, total_steps,
         images, total_images, steps_per_epoch, seconds, seed, device, precision, parameters, created_at,
         queued_at, started_at, ended_at, attempt, slot, pid, exit_code, signal, metrics, best, protocols,
         alerts, alarms, scoring, corrupt, phase, reference, estimate, requested, problem,
         tags, notes, settings, scores) = values  # fmt: skip
        last: dict[str, float] = json.loads(metrics)
        slot = slot and label(slot)
        if (
            slot and slot.startswith("cuda") and device.startswith("cuda")
        ):  # a trainer sees its GPU alone, and calls it cuda:0
            device = slot
        row = RunRow(
            id, name, recipe, title, family, dataset, bool(quick), stand_in_for, status, reason, step,
            total_steps or estimate, images, total_images, steps_per_epoch, last.get("images_per_s"), seconds,
            None, seed, device or slot or requested, precision, parameters, created_at, queued_at, started_at,
            ended_at, attempt, slot, pid, exit_code, signal, last.get("loss"), last,
            best_score(best) if best else None, json.loads(protocols) if protocols != "[]" else [], alerts,
            [(severity, name) for severity, name in json.loads(alarms)] if alerts else [], scoring, corrupt, phase,
            f"{self.home}/runs/{id}", json.loads(reference) if reference else None,
            json.loads(tags) if tags != "[]" else [], notes, settings_of(settings),
            json.loads(scores) if scores != "{}" else {},
        )  # fmt: skip
        if status in _UNFINISHED:
            run_status.refresh(row)
        if row.status not in ("running", "stalled"):
            row.phase = "" if row.status != "done" else row.phase
        else:
            row.eta_s, row.eta_is_partial = time_left(db, row, remaining(row))
        if problem:
            row.reason = f"{row.reason}; {problem}" if row.reason else problem
        return row
