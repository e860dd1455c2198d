"""Write a log's entries as a trainer would have written them: events, console output, sample images."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.runs.events import EventWriter, Kind
from engine.runs.files import open_plain_file, write_atomically
from gentui.imports.log_entries import (
    ConsoleText,
    Ended,
    Entry,
    ImageEntry,
    MetricPoint,
    Note,
    RunInfo,
    Skipped,
    Skips,
    SystemSample,
)
from gentui.imports.parsing import picture_suffix
from gentui.imports.run_metadata import MOST_SETTINGS, Description
from gentui.index.log_ingestor import MAX_SERIES, MAX_SYSTEM
from gentui.metrics.namespaces import is_system
from gentui.text.sanitize import clean

_BATCH = 512  # records written at a time
_LONGEST_NAME = 200  # of a series, as the index has it
_MOST_NOTES = 20
_OURS = {"cpu": "cpu_percent"}  # wandb's name of a system metric -> gentui's
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class Recorder:
    """Writes entries to an event log, a log of console output and a folder of ``samples``.

    ``undated`` is the unix time given to entries that come before the first with a time.
    """

    def __init__(self, events: Path, log: Path, samples: Path, described: Description, undated: float):
        self.samples = samples
        self.points = self.pictures = self.step = 0
        self.series: dict[str, str] = {}
        self.skipped = Skips()
        self.notes: list[str] = []
        self.ended: Ended | None = None
        self.has_started = False
        """Whether the log contained anything about its run."""
        self.pictures_written: set[str] = set()
        self._described, self._undated = described, undated
        self._events = EventWriter(events)
        self._log = open_plain_file(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._records: list[dict[str, Any]] = []
        self._row: MetricPoint | None = None
        self._system: dict[str, str] = {}
        self._first_t: float | None = None
        self._last_t = 0.0
        self._is_started = False

    def drain(self, entries: Iterable[Entry]) -> None:
        """Write all entries. Raises OSError if images or console output cannot be written."""
        for entry in entries:
            self._take(entry)
        self._end_row()
        self._flush()

    @property
    def has_room(self) -> bool:
        """Whether everything has been written; False while the disk is full."""
        return not self._events.blocked

    @property
    def started_at(self) -> float:
        return self._described.about.started_at or self._first_t or self._undated

    @property
    def ended_at(self) -> float:
        """Unix time of the newest entry."""
        return max(self.started_at, self._last_t)

    def end(self, status: str, reason: str) -> None:
        """Write the run's final status event."""
        if self._is_started:
            self._record("status", self.step, self.ended_at, status=status, reason=reason)
            self._flush()

    def sync(self) -> None:
        """Flush to disk. Raises OSError if not everything could be written."""
        self._events.sync()

    def close(self) -> None:
        self._events.close()
        os.close(self._log)

    def _take(self, entry: Entry) -> None:
        self.has_started |= not isinstance(entry, Skipped)
        match entry:
            case MetricPoint():
                self._add_point(entry)
            case SystemSample(t, values):
                self._end_row()
                if values := {key: value for name, value in values.items() if (key := self._system_name(name))}:
                    self._record("system", self.step, t, values=values)
            case ImageEntry():
                self._end_row()
                self._write_image(entry)
            case ConsoleText(text):
                self._print(text)
            case RunInfo():
                self._skip(f"settings beyond the first {MOST_SETTINGS:,}", self._described.update(entry))
            case Ended():
                self.ended = entry
            case Skipped():
                self.skipped.add(entry)
            case Note(text):
                if (note := clean(text, 300)) not in self.notes and len(self.notes) < _MOST_NOTES:
                    self.notes.append(note)

    def _skip(self, what: str, n: int = 1) -> None:
        self.skipped.add(Skipped(what, n))

    def _add_point(self, point: MetricPoint) -> None:
        """Merge values of the same step, which a log may contain one series at a time."""
        row = self._row
        if row is None or row.step != point.step or row.values.keys() & point.values.keys():
            self._end_row()
            self._row = point
        else:
            row.values |= point.values
            row.t = point.t or row.t

    def _end_row(self) -> None:
        if (row := self._row) is None:
            return
        self._row = None
        named = {key: value for name, value in row.values.items() if (key := self._series_name(name))}
        self._skip(f"values of series beyond the first {MAX_SERIES:,}", len(row.values) - len(named))
        if named:
            self.points += len(named)
            self.step = max(self.step, row.step)
            self._record("metrics", row.step, row.t, values=named)

    def _series_name(self, name: str) -> str:
        """The series' name in gentui, each its own; "" if it is skipped."""
        if name not in self.series:
            key = clean(name, _LONGEST_NAME).strip() or "unnamed"
            if key.startswith("@") or is_system(key):  # reserved by the index
                key = f"logged.{key}"[:_LONGEST_NAME]
            is_taken = len(self.series) < MAX_SERIES
            taken = self.series.values() if is_taken else ()
            plain, n = key, 1
            while key in taken:  # two names may look alike once they are cleaned or cut
                n += 1
                key = f"{plain[: _LONGEST_NAME - 10]} ({n})"
            self.series[name] = key if is_taken else ""
        return self.series[name]

    def _system_name(self, name: str) -> str:
        if name not in self._system:
            key = clean(_OURS.get(name, name), _LONGEST_NAME - 20).strip()
            self._system[name] = key if len(self._system) < MAX_SYSTEM else ""
        return self._system[name]

    def _write_image(self, image: ImageEntry) -> None:
        suffix = picture_suffix(image.data)
        if suffix is None:
            self._skip("pictures of a format that cannot be shown")
            return
        mark = zlib.crc32(image.data, zlib.crc32(image.key.encode("utf-8", "replace")))
        name = f"{image.step:09d}-{_UNFIT.sub('-', image.key)[:60]}-{mark:08x}{suffix}"
        write_atomically(self.samples / name, image.data)
        self.pictures_written.add(name)
        self.pictures += 1
        self.step = max(self.step, image.step)
        caption = clean(": ".join(filter(None, (image.key, image.caption))), 300)
        self._record("sample", image.step, image.t, path=f"{self.samples.name}/{name}", caption=caption)

    def _print(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._log, data) :]

    def _record(self, kind: Kind, step: int, t: float | None, **fields: Any) -> None:
        self._first_t = self._first_t or t
        t = t or self._last_t or self.started_at
        self._last_t = max(self._last_t, t)
        if not self._is_started:
            self._is_started = True
            self._records.append(self._stamped("status", 0, self.started_at, status="started", reason=""))
        self._records.append(self._stamped(kind, step, t, **fields))
        if len(self._records) >= _BATCH:
            self._flush()

    def _stamped(self, kind: Kind, step: int, t: float, **fields: Any) -> dict[str, Any]:
        """A complete event. ``images`` is 0: these logs do not say how many images were seen."""
        mono = max(0.0, t - self.started_at)
        return {"kind": kind, "t": t, "mono": mono, "step": step, "images": 0, **fields}

    def _flush(self) -> None:
        self._events.emit_many(self._records)
        self._records.clear()
