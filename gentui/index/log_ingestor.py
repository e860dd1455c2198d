"""Read one run's event logs into rows, one chunk per transaction, together with its offset."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from engine.runs.directory import RunDir
from engine.runs.events import read_events
from gentui.index import pyramid, visits
from gentui.index.files import number, text, whole
from gentui.index.ranking import rank_scores
from gentui.index.rows import NO_SEED, REPORT, SELECTION
from gentui.metrics.namespaces import SEVERITIES, SYSTEM, is_system
from gentui.text.paths import is_inside
from gentui.text.sanitize import clean

CHUNK = 1 << 20
MAX_ALARMS = 20  # distinct alarms listed in a run's row
MAX_SYSTEM = 100  # system series of one run
MAX_SERIES = 1000  # series of one run; a trainer may invent names without end
SECONDS, IMAGES = "@seconds", "@images"
MOST_NAMES, LONGEST_NAME = 64, 60  # of the rows or columns of a picture
_KNOT_SECONDS, _KNOT_STEPS = 0.5, 64  # minimum distance between two points of a clock
PROGRESS: dict[str, Any] = {
    "step": 0, "images": 0, "seconds": 0.0, "total_steps": None, "total_images": None, "steps_per_epoch": None,
    "device": "", "precision": "", "parameters": None, "phase": "", "visit": "",
    "metrics": "{}", "best": None, "scores": "{}",
    "protocols": "[]", "alerts": 0, "alarms": "[]", "scoring": 0.0, "corrupt": 0,
    "clock_step": None, "clock_seconds": None,
}  # fmt: skip
"""Columns of ``runs`` that come from the log, with their initial values."""


@dataclass
class File:
    """How far one attempt's log has been read.

    ``origin`` is its first monotonic time, ``base`` the seconds trained before it. Once ``ended``, its clock stops:
    later evaluations of a finished run are not training time.
    """

    attempt: int
    inode: int = 0
    position: int = 0
    corrupt: int = 0
    first_step: int | None = None
    origin: float | None = None
    base: float = 0.0
    ended: int = 0


class LogIngestor:
    """Reads the logs of one run's attempts, oldest first, into the tables. The caller holds the ingest lock."""

    def __init__(self, db: sqlite3.Connection, run: RunDir):
        self.db = db
        self.run = run
        self.files = {
            row[0]: File(*row)
            for row in db.execute(
                "SELECT attempt, inode, position, corrupt, first_step, origin, base, ended FROM files"
                " WHERE run = ?",
                (run.id,),
            )
        }
        self.series: dict[str, list[int]] = {
            key: [id, last]
            for key, id, last in db.execute(  # in the order in which they came, as where a log is read in one go
                "SELECT key, id, last_step FROM series WHERE run = ? ORDER BY id", (run.id,)
            )
        }
        row = db.execute(f"SELECT {', '.join(PROGRESS)} FROM runs WHERE id = ?", (run.id,)).fetchone()
        self.now: dict[str, Any] = dict(zip(PROGRESS, row, strict=True))
        self.metrics: dict[str, float] = json.loads(self.now["metrics"])
        self._buffer: defaultdict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        self.is_read = False  # to the end of the newest log
        self._scored = self._alarmed = False
        self._visits: defaultdict[tuple[int, str], float] = defaultdict(float)

    def next_chunk(self, paths: list[tuple[int, Path]]) -> bool:
        """Read one chunk from the oldest attempt with anything new; returns False if there is nothing.

        Raises OSError if a log cannot be read. The caller has started a transaction.
        """
        for attempt, path in paths:
            file = self.files.get(attempt) or File(attempt)
            batch = read_events(path, file.position, CHUNK)
            if batch.offset == file.position and attempt in self.files:
                continue
            self.files[attempt] = file
            if not file.inode:
                file.inode = path.stat().st_ino
            limit = self._replaced_after(attempt)
            corrupt = batch.corrupt
            for event in batch.events:
                corrupt += not self._take(event, file, limit)
            self._flush()
            file.position, file.corrupt = batch.offset, file.corrupt + corrupt
            self.now["corrupt"] = sum(f.corrupt for f in self.files.values())
            self._save(file)
            self.is_read = batch.is_all and attempt == paths[-1][0]
            if batch.offset > 0:
                return True
        return False

    def _replaced_after(self, attempt: int) -> int | None:
        """The step after which later attempts replace this one's events; None if none does."""
        later = (file.first_step for number, file in self.files.items() if number > attempt)
        return min((step for step in later if step is not None), default=None)

    def _take(self, event: dict[str, Any], file: File, limit: int | None) -> bool:
        """Process one event; returns False if it is invalid or unknown."""
        step, t, mono = whole(event.get("step")), number(event.get("t")), number(event.get("mono"))
        images = whole(event.get("images"))
        if step is None or t is None or mono is None or images is None:
            return False
        if limit is not None and step > limit:  # replaced by a later attempt
            return True
        kind = event["kind"]
        if kind == "status":
            before = self.now["seconds"]
            is_valid = self._status(event, file, step, images, mono)
            if self.now["visit"] or self.now["phase"]:
                self.now["visit"] = visits.kind_of(self.now["phase"], self.now["visit"])
                self._spend(step, self.now["visit"], before)
            return is_valid
        if kind != "metrics" and kind not in _KINDS:
            return False
        self.now["step"] = max(self.now["step"], step)
        self.now["images"] = max(self.now["images"], images)
        if kind == "metrics" and file.origin is None:
            file.origin, file.base = mono, self.now["seconds"]
        before = self.now["seconds"]
        self._clock(file, mono)
        if kind == "metrics":
            self.now["visit"] = ""
            return self._metrics(event, step, images)
        if self.now["visit"] or kind == "sample":
            self._spend(step, self.now["visit"] or visits.SAMPLE, before)
        return getattr(self, f"_{kind}")(event, step, t, file.attempt)

    def _metrics(self, event: dict[str, Any], step: int, images: int) -> bool:
        values = event.get("values")
        if not isinstance(values, dict):
            return False
        understood = True
        buffer, last = self._buffer, self.metrics
        for key, value in values.items():  # five million times for a thousand runs: no function call in here
            if type(value) is not float:
                if type(value) is not int or abs(value) > 2**1000:
                    understood = False
                    continue
                value = float(value)
            if key not in last and not self._is_new_name(key):
                understood = False
                continue
            steps, held = buffer[key]
            steps.append(step)
            held.append(value)
            last[key] = value
        self.now["phase"] = ""
        self._tick(step, images)
        return understood

    def _is_new_name(self, key: str) -> bool:
        return (
            len(self.metrics) < MAX_SERIES
            and 0 < len(key) <= 200
            and key[0] != "@"
            and not is_system(key)
            and clean(key, 200) == key
        )

    def _tick(self, step: int, images: int) -> None:
        """Add a point to the clocks now and then; where depends only on the log, not on how it is chunked."""
        now = self.now
        if now["clock_step"] is not None:
            apart = step - now["clock_step"]
            if apart <= 0 or (apart < _KNOT_STEPS and now["seconds"] - now["clock_seconds"] < _KNOT_SECONDS):
                return
        now["clock_step"], now["clock_seconds"] = step, now["seconds"]
        clocks = {SECONDS: now["seconds"]}
        if images or not step:  # else the log does not count images, and steps stand in for them
            clocks[IMAGES] = float(images)
        for key, value in clocks.items():
            self._buffer[key][0].append(step)
            self._buffer[key][1].append(value)

    def _status(self, event: dict[str, Any], file: File, step: int, images: int, mono: float) -> bool:
        now, status = self.now, event.get("status")
        if status in ("started", "resumed"):
            if file.first_step is None:
                file.first_step = step if status == "resumed" else -1
                if len(self.files) > 1:
                    self._forget_after(file.first_step)
                now["step"], now["images"] = step, images
                file.origin, file.base = mono, now["seconds"]
            for key in ("total_steps", "total_images", "steps_per_epoch", "parameters"):
                now[key] = whole(event.get(key)) or now[key]
            now["device"] = _device(event) or now["device"]
            now["precision"] = clean(text(event.get("precision")), 40) or now["precision"]
            now["phase"] = ""
        elif status == "phase":
            phase, done, total = (
                clean(text(event.get("phase")), 60),
                whole(event.get("done")),
                whole(event.get("total")),
            )
            now["phase"] = phase + (f" {done}/{total}" if done is not None and total else "")
        elif status in ("done", "stopped", "failed"):
            now["phase"] = ""
        else:
            return False
        self._clock(file, mono)
        file.ended |= status in ("done", "stopped", "failed")
        return True

    def _clock(self, file: File, mono: float) -> None:
        if file.origin is not None and not file.ended:
            self.now["seconds"] = max(self.now["seconds"], file.base + mono - file.origin)

    def _spend(self, step: int, kind: str, before: float) -> None:
        """Count the time since ``before``, in seconds trained, as that of a visit."""
        if kind and self.now["seconds"] > before:
            self._visits[step, kind] += self.now["seconds"] - before

    def _forget_after(self, step: int) -> None:
        """Delete what earlier attempts logged after ``step``, where a new attempt continues."""
        self._flush()
        for key, held in list(self.series.items()):
            held[1] = pyramid.truncate(self.db, held[0], step)
            if held[1] < 0:
                self.db.execute("DELETE FROM series WHERE id = ?", (held[0],))
                del self.series[key]
            else:
                self.db.execute("UPDATE series SET last_step = ? WHERE id = ?", (held[1], held[0]))
        for table in ("evaluations", "passes", "visits", "samples", "figures", "alerts", "checkpoints"):
            self.db.execute(f"DELETE FROM {table} WHERE run = ? AND step > ?", (self.run.id, step))
        self.metrics.clear()
        for key, held in self.series.items():
            last = self.db.execute(
                "SELECT value, kind FROM points WHERE series = ? AND step = ?", (held[0], held[1])
            ).fetchone()
            if key[0] != "@" and not is_system(key):
                self.metrics[key] = pyramid.from_kind(*last)
            elif key == SECONDS:
                self.now["clock_step"], self.now["clock_seconds"] = held[1], last[0]
        if SECONDS not in self.series:
            self.now["clock_step"] = self.now["clock_seconds"] = None
        self.now["seconds"] = self.now["clock_seconds"] or 0.0
        self._scored = self._alarmed = True

    def _sample(self, event: dict[str, Any], step: int, t: float, attempt: int) -> bool:
        path = text(event.get("path"))
        if not _is_acceptable(path):
            return False
        row = (self.run.id, step, path, attempt, clean(text(event.get("caption"))), t,
               whole(event.get("rows")), whole(event.get("columns")), _tiles(event))  # fmt: skip
        self.db.execute("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return True

    def _figure(self, event: dict[str, Any], step: int, t: float, attempt: int) -> bool:
        path = text(event.get("path"))
        if not _is_acceptable(path):
            return False
        row = (self.run.id, step, clean(text(event.get("name")), 100), path, attempt,
               clean(text(event.get("caption"))), t, _tiles(event))  # fmt: skip
        self.db.execute("INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return True

    def _checkpoint(self, event: dict[str, Any], step: int, t: float, attempt: int) -> bool:
        path, which = text(event.get("path")), clean(text(event.get("which")), 40)
        if not _is_acceptable(path) or not which:
            return False
        row = (self.run.id, which, step, path, attempt, whole(event.get("bytes")) or 0, t)
        self.db.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return True

    def _alert(self, event: dict[str, Any], step: int, t: float, attempt: int) -> bool:
        severity, began = event.get("severity"), whole(event.get("began"))
        texts = [clean(text(event.get(key))) for key in ("sentence", "cause", "remedy")]
        row = (self.run.id, step, clean(text(event.get("name")), 100), t, attempt,
               severity if severity in SEVERITIES else "warning", step if began is None else min(began, step),
               *texts)  # fmt: skip
        self.db.execute("INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._alarmed = True
        return True

    def _evaluation(self, event: dict[str, Any], step: int, t: float, attempt: int) -> bool:
        metric, value = clean(text(event.get("metric")), 100), event.get("value")
        if not metric or isinstance(value, bool) or not isinstance(value, int | float):
            return False
        detail = event.get("protocol_detail")
        detail = detail if isinstance(detail, dict) else {}
        if isinstance(value, int) and abs(value) > 2**1000:
            return False
        value = float(value)
        kind = int(pyramid.kinds_of(pyramid.np.array([value]))[0])
        role, seed = event.get("role"), whole(event.get("noise_seed"))
        role = role if role in (SELECTION, REPORT) else ""
        row = (self.run.id, step, metric, clean(text(event.get("protocol_id")), 64), role,
               NO_SEED if seed is None else seed, attempt,
               value if kind == 0 else None, kind, clean(text(event.get("protocol"))),
               int(event.get("lower_is_better") is not False), number(event.get("floor")),
               number(event.get("floor_std")), number(event.get("seconds")), json.dumps(detail), t,
               int(event.get("best") is True), 0, 0,
               clean(text(event.get("selected_by")), 100), number(event.get("std")),
               clean(text(event.get("over")), 60))  # fmt: skip
        self.db.execute(f"INSERT OR REPLACE INTO evaluations VALUES ({', '.join('?' * len(row))})", row)
        is_from_outside = self.files[attempt].ended or bool(event.get("checkpoint"))
        if not is_from_outside:
            self.db.execute(
                "INSERT INTO passes VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET seconds = max(seconds, excluded.seconds)",
                (self.run.id, step, role, max(0.0, number(event.get("seconds")) or 0.0)),
            )
        self._scored = True
        self.now["phase"] = ""
        return True

    def _system(self, event: dict[str, Any], step: int, t: float, attempt: int) -> bool:
        """System metrics; they are not metrics of the run, so its row does not list them."""
        values = event.get("values")
        if not isinstance(values, dict):
            return False
        understood = True
        for name, given in values.items():
            key, value = f"{SYSTEM}{name}", number(given)
            exists = key in self.series or key in self._buffer
            if value is None or not (exists or self._is_new_system(key)):
                understood = False
                continue
            self._buffer[key][0].append(step)
            self._buffer[key][1].append(value)
        return understood

    def _is_new_system(self, key: str) -> bool:
        many = sum(is_system(name) for name in self.series.keys() | self._buffer.keys())
        return many < MAX_SYSTEM and len(SYSTEM) < len(key) <= 200 and clean(key, 200) == key

    def _flush(self) -> None:
        for key, (steps, values) in self._buffer.items():
            held = self.series.get(key)
            if held is None:
                made = self.db.execute(
                    "INSERT INTO series (run, key, last_step) VALUES (?, ?, -1)", (self.run.id, key)
                )
                assert made.lastrowid is not None
                held = self.series[key] = [made.lastrowid, -1]
            last = pyramid.add_points(self.db, held[0], held[1], steps, values)
            if last != held[1]:
                held[1] = last
                self.db.execute("UPDATE series SET last_step = ? WHERE id = ?", (last, held[0]))
        self._buffer.clear()
        for (step, kind), seconds in self._visits.items():
            self.db.execute(
                "INSERT INTO visits VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds",
                (self.run.id, step, kind, seconds),
            )
        self._visits.clear()

    def _save(self, file: File) -> None:
        if self._scored:
            self.now |= rank_scores(self.db, self.run.id)
            self._scored = False
        if self._alarmed:
            self._summarise_alarms()
            self._alarmed = False
        self.now["metrics"] = json.dumps(self.metrics)
        assignments = ", ".join(f"{column} = ?" for column in PROGRESS)
        self.db.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*self.now.values(), self.run.id))
        self.db.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self.run.id, *astuple(file)),
        )

    def _summarise_alarms(self) -> None:
        """Count the alarms and list the distinct ones, the worst first, then the newest."""
        rows = self.db.execute(
            "SELECT severity, name FROM alerts WHERE run = ? ORDER BY t DESC, step DESC, name", (self.run.id,)
        ).fetchall()
        self.now["alerts"] = len(rows)
        rows.sort(key=lambda alarm: SEVERITIES.index(alarm[0]))
        worst: dict[str, str] = {}
        for severity, name in rows:
            worst.setdefault(name, severity)
        self.now["alarms"] = json.dumps([(severity, name) for name, severity in worst.items()][:MAX_ALARMS])


_KINDS = frozenset({"sample", "figure", "checkpoint", "alert", "evaluation", "system"})


def _tiles(event: dict[str, Any]) -> str:
    """How the tiles of an event's picture are laid out, as JSON of the fields of ``rows.Tiles`` that it states."""
    counts = {key: whole(event.get(key)) for key in ("rows", "columns")}
    words = {key: clean(text(event.get(key)), LONGEST_NAME) for key in ("rows_are", "columns_are")}
    names = {key: _names(event.get(key)) for key in ("row_names", "column_names")}
    return json.dumps({key: value for key, value in (counts | words | names).items() if value})


def _names(value: object) -> list[str]:
    if not isinstance(value, list):
        return []
    return [clean(text(name), LONGEST_NAME) for name in value[:MOST_NAMES]]


def _is_acceptable(path: str) -> bool:
    """Whether a path from an event stays inside the run's directory and can be displayed as it is."""
    return len(path) <= 300 and is_inside(path) and clean(path, 300) == path


def _device(event: dict[str, Any]) -> str:
    """Where an attempt trains: ``cuda:0``, or ``4 × cuda`` where several devices share it."""
    device, count = clean(text(event.get("device")), 40), whole(event.get("devices")) or 1
    return f"{count} × {device.partition(':')[0]}" if device and count > 1 else device
