"""TensorBoard event files: a directory of them is a run, whose restarts replace values as TensorBoard shows it.

An event file is a TFRecord file: length, checksum of the length, an ``Event`` protocol buffer, its checksum.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gentui.imports.event_attempts import Attempts
from gentui.imports.log_entries import (
    ConsoleText,
    Entry,
    ImageEntry,
    MetricPoint,
    RunInfo,
    Skipped,
    Source,
    StartOver,
)
from gentui.imports.parsing import CHUNK, LARGEST_PICTURE, GrowingFile, library, moment, step_of
from gentui.imports.row_order import ABANDONED

MARK = "tfevents"
"""Part of the name of every event file."""
_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_START = 1  # of SessionLog.SessionStatus
_LARGEST_EVENT = 2 * LARGEST_PICTURE
_CHECKED = 1 << 16  # larger events are not verified: TensorBoard's checksum is pure Python, 8 MB/s
CORRUPT, REPEATED = "corrupt records", "values that a later one of the same step replaces"


class TensorBoardLog(Source):
    """One run: the event files of a directory, or a single one."""

    format = "tensorboard"
    default_end = ("done", "event files do not record how their run ended")

    def __init__(self, path: Path, name: str):
        super().__init__(str(path), name)
        self._path = path
        self._files: dict[str, _EventFile] = {}
        self._kinds: dict[str, str] = {}
        self._protos = _Protos()
        self._attempts = Attempts()
        self._is_started = False

    @property
    def modified_at(self) -> float:
        return max((file.modified_at for file in self._files.values()), default=time.time())

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def entries(self) -> Iterator[Entry]:
        files = event_files(self._path) if self._path.is_dir() else {str(self._path): str(self._path)}
        for name, place in files.items():
            if name not in self._files:
                self._files[name] = _EventFile(Path(place), self._protos)
        is_stale = False
        for name in sorted(self._files):
            file = self._files[name]
            for body in file.bodies():
                file.records += 1
                entries, is_changed = self._entries_of(name, file.records, body)
                is_stale |= is_changed
                if not is_stale:
                    yield from entries
        if is_stale:
            for file in self._files.values():
                file.rewind()
            self._kinds.clear()
            self._is_started = False
            raise StartOver

    def last_entries(self) -> Iterator[Entry]:
        if any(not file.is_lost and file.unread for file in self._files.values()):
            yield Skipped("torn records at the end")

    def _entries_of(self, name: str, record: int, body: bytes | None) -> tuple[list[Entry], bool]:
        """The entries of a record, and whether it hides values of earlier ones."""
        is_new, is_stale = self._attempts.is_new(name, record), False
        event = None if body is None else self._protos.event(body)
        if event is None:
            return [Skipped(CORRUPT, example=f"record {record:,} of {Path(name).name}")], False
        entries: list[Entry] = []
        step, t = step_of(event.step), moment(event.wall_time)
        what = event.WhichOneof("what")
        if what == "file_version" and not self._is_started:
            self._is_started = True
            entries.append(RunInfo(started_at=t))
        if what == "session_log" and is_new and step is not None and event.session_log.status == _START:
            is_stale = self._attempts.start(name, record, step)
        for value in event.summary.value:
            if step is None:
                entries.append(Skipped("steps below 0", example=f"{value.tag} at step {event.step}"))
                continue
            if is_new:
                is_stale |= self._attempts.value(name, record, value.tag, step)
            entries += self._shown(name, record, step, value.tag, self._value(step, t, value))
        return entries, is_stale

    def _shown(self, name: str, record: int, step: int, tag: str, found: Iterable[Entry]) -> Iterator[Entry]:
        """What TensorBoard shows of a value; the rest is skipped."""
        example = f"{tag} at step {step:,} in {Path(name).name}"
        for entry in found:
            if isinstance(entry, RunInfo | Skipped):
                yield entry
            elif self._attempts.is_hidden(name, record, tag, step):
                yield Skipped(ABANDONED, example=example)
            else:
                if isinstance(entry, MetricPoint) and self._attempts.is_repeated(name, record, tag):
                    yield Skipped(REPEATED, example=example)
                yield entry

    def _value(self, step: int, t: float | None, value: Any) -> Iterator[Entry]:
        kind = value.metadata.plugin_data.plugin_name
        if kind:  # logged only with the first value of a tag
            self._kinds[value.tag] = kind
        match value.WhichOneof("value"):
            case "simple_value":
                yield MetricPoint(step, t, {value.tag: value.simple_value})
            case "image":
                yield ImageEntry(step, t, value.tag, "", value.image.encoded_image_string)
            case "tensor":
                yield from self._tensor(step, t, value)
            case None if kind == "hparams":
                yield RunInfo(config=self._protos.settings(value.metadata.plugin_data.content))
            case other:
                yield Skipped(f"values of the type {other or kind or 'nothing'!s:.40}")

    def _tensor(self, step: int, t: float | None, value: Any) -> Iterator[Entry]:
        kind, tag = self._kinds.get(value.tag, ""), value.tag
        try:
            array = self._protos.array(value.tensor)
        except Exception:  # its declared type and shape may be wrong
            yield Skipped(CORRUPT)
            return
        if kind == "scalars" and array.size == 1 and array.dtype.kind in "fiub":
            yield MetricPoint(step, t, {tag: float(array.reshape(-1)[0])})
        elif kind == "images" and array.dtype.kind == "O":
            for data in array.reshape(-1)[2:]:  # after width and height
                yield ImageEntry(step, t, tag, "", bytes(data))
        elif kind == "text":
            texts = b"\n".join(bytes(part) for part in array.reshape(-1)).decode("utf-8", "replace")
            yield ConsoleText(f"step {step}  {tag}: {texts}\n")
        else:
            yield Skipped(f"values of the type {kind or 'tensor':.40}")


def event_files(folder: Path) -> dict[str, str]:
    """The event files in a directory, also by links: path: the file itself, each once."""
    found: dict[str, str] = {}
    try:
        with os.scandir(folder) as entries:
            names = sorted(one.path for one in entries if MARK in one.name and one.is_file())
    except OSError:
        return {}
    for name in names:
        place = os.path.realpath(name)
        if place not in found.values():
            found[name] = place
    return found


class _EventFile(GrowingFile):
    def __init__(self, path: Path, protos: _Protos):
        super().__init__(path)
        self._protos = protos
        self.rewind()

    def rewind(self) -> None:
        """Read from the start."""
        self.offset = self.records = 0
        self.is_lost = False
        """Whether a damaged length makes the rest of the file unreadable."""

    def bodies(self) -> Iterator[bytes | None]:
        """Every complete record; None for a corrupt one. A torn end is read again later."""
        head, data, base = _LENGTH.size + _CHECKSUM.size, b"", self.offset
        while not self.is_lost:
            at = self.offset - base
            if len(data) - at < head:
                data, base, at = self.peek(CHUNK), self.offset, 0
                if len(data) < head:
                    return
            (length,), (checksum,) = (
                _LENGTH.unpack_from(data, at),
                _CHECKSUM.unpack_from(data, at + _LENGTH.size),
            )
            if length > _LARGEST_EVENT or self._protos.checksum(data[at : at + _LENGTH.size]) != checksum:
                self.is_lost = True
                yield None
                return
            size = head + length + _CHECKSUM.size
            if len(data) - at < size:
                if self.unread < size:
                    return
                data, base, at = self.peek(max(CHUNK, size)), self.offset, 0
            body = data[at + head : at + head + length]
            (checksum,) = _CHECKSUM.unpack_from(data, at + head + length)
            self.offset += size
            is_sound = length > _CHECKED or self._protos.checksum(body) == checksum
            yield body if is_sound else None


class _Protos:
    """The parts of TensorBoard's package that are used. Raises MissingLibrary."""

    def __init__(self) -> None:
        def of(module: str) -> Any:
            return library(f"tensorboard.{module}", "tensorboard", "a log of TensorBoard")

        self._event = of("compat.proto.event_pb2").Event
        self._hparams = of("plugins.hparams.plugin_data_pb2").HParamsPluginData
        self.checksum = of("compat.tensorflow_stub.pywrap_tensorflow").masked_crc32c
        self.array = of("util.tensor_util").make_ndarray

    def event(self, body: bytes) -> Any:
        """Parse an ``Event``; None if the bytes are not one."""
        try:
            return self._event.FromString(body)
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "google":
                raise
            return None

    def settings(self, content: bytes) -> dict[str, Any]:
        """The hyperparameters in a session start record; empty if it has none."""
        try:
            hparams = self._hparams.FromString(content).session_start_info.hparams
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "google":
                raise
            return {}
        values = {key: getattr(value, value.WhichOneof("kind") or "", None) for key, value in hparams.items()}
        return {key: value for key, value in values.items() if isinstance(value, str | float | bool)}
