"""Transaction logs of wandb: ``run-<id>.wandb``, with logged files in ``files`` beside it.

After a header of seven bytes the log has the format of a LevelDB log (blocks of 32 KiB; each fragment has a checksum,
a length and a type). Its records are wandb's protocol buffers.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.runs.files import open_plain_file
from gentui.imports.log_entries import (
    ConsoleText,
    Ended,
    Entry,
    ImageEntry,
    MetricPoint,
    RunInfo,
    Skipped,
    Source,
    SystemSample,
    Unusable,
)
from gentui.imports.parsing import (
    CHUNK,
    LARGEST_PICTURE,
    TEXTS,
    TOO_LARGE,
    GrowingFile,
    flat,
    library,
    moment,
    number_of,
    step_of,
)
from gentui.text.numbers import gib, plural
from gentui.text.paths import resolve_inside

_HEADER = b":W&B\xe1\xbe\x00"
_BLOCK = 1 << 15
_PIECE = struct.Struct("<IHB")  # checksum, length, type
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_LARGEST_RECORD = 64 << 20
_SEEDS = [zlib.crc32(bytes([kind])) for kind in range(5)]
CORRUPT, ABSENT, OUTSIDE = "corrupt records", "pictures that are missing", "pictures outside the run's files"


class WandbLog(Source):
    """One run of wandb, by the path of its ``.wandb`` file."""

    format = "wandb"
    default_end = (
        "interrupted",
        "its log has no end: it was killed or is still running (`gentui import --follow` follows it)",
    )

    def __init__(self, path: Path):
        super().__init__(str(path), path.stem)
        self._record = library("wandb.proto.wandb_internal_pb2", "wandb", "a run of wandb").Record
        self._file = GrowingFile(path)
        self._files = path.parent.resolve() / "files"
        self._pieces: list[bytes] = []
        self._step, self._seen = 0, set[str]()
        self._summary: dict[str, float] = {}

    @property
    def modified_at(self) -> float:
        return self._file.modified_at

    def close(self) -> None:
        self._file.close()

    def entries(self) -> Iterator[Entry]:
        for body in self._bodies():
            if body is None:
                yield Skipped(CORRUPT)
                continue
            record = self._record()
            try:
                record.ParseFromString(body)
                yield from self._entries_of(record)
            except (ValueError, RecursionError):  # including protobuf's error for invalid messages
                yield Skipped(CORRUPT)
            except Exception as error:
                if type(error).__module__.partition(".")[0] != "google":
                    raise
                yield Skipped(CORRUPT)

    def last_entries(self) -> Iterator[Entry]:
        if values := {key: value for key, value in self._summary.items() if key not in self._seen}:
            yield MetricPoint(self._step, None, values)
        if self._file.unread or self._pieces:
            yield Skipped("torn records at the end")

    # -- framing -----------------------------------------------------------------------------------

    def _bodies(self) -> Iterator[bytes | None]:
        """Every complete record; None for a corrupt one. A torn end is read again later."""
        file = self._file
        if not file.offset:
            header = file.peek(len(_HEADER))
            if header != _HEADER[: len(header)]:
                raise Unusable(f"{self.path} is not a transaction log of wandb, or of an unknown version")
            if len(header) < len(_HEADER):
                return
            file.offset = len(_HEADER)
        while (unread := file.unread) >= _PIECE.size:
            data = memoryview(file.peek(max(CHUNK, _BLOCK)))
            done = 0
            while True:
                left = _BLOCK - (file.offset + done) % _BLOCK
                if left < _PIECE.size:
                    done += left
                    continue
                if len(data) - done < _PIECE.size:
                    break
                checksum, length, kind = _PIECE.unpack_from(data, done)
                end = done + _PIECE.size + length
                fits = _PIECE.size + length <= left
                if fits and end > len(data):
                    break
                if fits and kind in (_WHOLE, _FIRST, _MIDDLE, _LAST):
                    piece = bytes(data[done + _PIECE.size : end])
                    if zlib.crc32(piece, _SEEDS[kind]) == checksum:
                        done = end
                        yield from self._joined(kind, piece)
                        continue
                if unread - done <= left:  # the block is incomplete: what looks corrupt may not be written yet
                    file.offset += done
                    return
                if len(data) - done <= left:
                    break
                self._pieces.clear()
                done += left
                yield None
            file.offset += min(done, unread)
            if not done:
                return

    def _joined(self, kind: int, piece: bytes) -> Iterator[bytes | None]:
        is_begun = bool(self._pieces)
        if is_begun != (kind in (_MIDDLE, _LAST)):
            self._pieces.clear()
            yield None
            if kind in (_MIDDLE, _LAST):
                return
        if kind == _WHOLE:
            yield piece
            return
        self._pieces.append(piece)
        if sum(map(len, self._pieces)) > _LARGEST_RECORD:
            self._pieces.clear()
            yield None
        elif kind == _LAST:
            body = b"".join(self._pieces)
            self._pieces.clear()
            yield body

    # -- records ---------------------------------------------------------------------------------

    def _entries_of(self, record: Any) -> Iterator[Entry]:
        match record.WhichOneof("record_type"):
            case "history":
                yield from self._history(record.history)
            case "stats":
                yield from self._stats(record.stats)
            case "output" | "output_raw" as kind:
                yield ConsoleText(getattr(record, kind).line)
            case "run":
                yield _run_info(record.run)
            case "config":
                yield RunInfo(config=_config(record.config))
            case "summary":
                self._keep_summary(record.summary)
            case "environment":
                yield _environment(record.environment)
            case "exit":
                yield Ended(record.exit.exit_code)
                self.is_over = True

    def _history(self, history: Any) -> Iterator[Entry]:
        values: dict[str, float] = {}
        nested: dict[str, Any] = {}
        for item in history.item:
            path = list(item.nested_key) or [item.key]
            value = _value(item.value_json)
            if len(path) == 1 and type(value) is float:
                values[path[0]] = value
            else:
                _put(nested, path, value)
        logged_step = values.pop("_step", None)
        step = history.step.num if history.HasField("step") else step_of(logged_step)
        t = moment(values.pop("_timestamp", None))
        values.pop("_runtime", None)
        if step is None or step < 0:
            yield Skipped("steps below 0")
            return
        self._step = step
        media: dict[str, dict[str, Any]] = {}
        _part(nested, "", media, values, skipped := [])
        yield from skipped
        self._seen.update(values)
        if values:
            yield MetricPoint(step, t, values)
        for key, details in media.items():
            yield from self._pictures(step, t, key, details)

    def _pictures(self, step: int, t: float | None, key: str, media: dict[str, Any]) -> Iterator[Entry]:
        match media.get("_type"):
            case "image-file":
                paths, captions = [media.get("path")], [media.get("caption")]
            case "images/separated":
                paths, captions = media.get("filenames"), media.get("captions")
            case kind:
                yield Skipped(f"values of the type {kind!s:.40}")
                return
        captions = captions if isinstance(captions, list) else []
        for number, path in enumerate(paths if isinstance(paths, list) else []):
            data = self._file_of(path)
            if isinstance(data, str):
                yield Skipped(data)
                continue
            caption = captions[number] if number < len(captions) else None
            yield ImageEntry(step, t, key, caption if isinstance(caption, str) else "", data)

    def _file_of(self, path: object) -> bytes | str:
        """The bytes of a logged file, or why it is skipped. Nothing outside ``files`` is ever read."""
        if not isinstance(path, str) or "\0" in path:
            return ABSENT
        place = resolve_inside(self._files, path, follow_links=False)
        if place is None:
            return OUTSIDE
        try:
            fd = open_plain_file(place)
        except (OSError, ValueError):
            return ABSENT
        with os.fdopen(fd, "rb") as file:
            if os.fstat(fd).st_size > LARGEST_PICTURE:
                return "files too large for a picture"
            return file.read(LARGEST_PICTURE)

    def _stats(self, stats: Any) -> Iterator[Entry]:
        values = {item.key: v for item in stats.item if type(v := _value(item.value_json)) is float}
        if values:
            yield SystemSample(_seconds(stats.timestamp), values)

    def _keep_summary(self, summary: Any) -> None:
        """Keep the summary's values: a script may write a final score only there."""
        for item in summary.update:
            key = item.key or (item.nested_key[0] if len(item.nested_key) == 1 else "")
            if key and key[0] != "_" and type(value := _value(item.value_json)) is float:
                self._summary[key] = value


def _value(text: str) -> Any:
    """Parse JSON, with numbers as floats, including NaN and infinities by name. Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        value = json.loads(text)
    try:
        number = number_of(value)
    except OverflowError:
        return value
    return value if number is None else number


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        inner = tree.get(key)
        if not isinstance(inner, dict):
            inner = tree[key] = {}
        tree = inner
    tree[path[-1]] = value


def _part(
    tree: dict[str, Any], prefix: str, media: dict[str, Any], values: dict[str, float], skipped: list[Entry]
) -> None:
    """Separate nested values into media, which have a ``_type``, and numbers."""
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            if isinstance(value.get("_type"), str):
                media[name] = value
            else:
                _part(value, f"{name}.", media, values, skipped)
        elif value is None or name.startswith("_"):
            continue
        elif isinstance(value, float | int):
            try:
                values[name] = float(value)
            except OverflowError:
                skipped.append(Skipped(TOO_LARGE))
        else:
            skipped.append(Skipped(TEXTS if isinstance(value, str) else "lists"))


def _run_info(run: Any) -> RunInfo:
    return RunInfo(
        id=run.run_id,
        name=run.display_name,
        title=run.project,
        notes=run.notes,
        tags=tuple(run.tags),
        config=_config(run.config),
        started_at=_seconds(run.start_time),
        host=run.host,
        git=run.git.commit,
        versions={"wandb": run.telemetry.cli_version, "python": run.telemetry.python_version},
    )


def _environment(record: Any) -> RunInfo:
    program = (record.program, *record.args) if record.program else ()
    return RunInfo(
        host=record.host,
        machine=_machine(record),
        device=record.gpu_type,
        git=record.git.commit,
        command=program,
        versions={"system": record.os} if record.os else {},
    )


def _machine(record: Any) -> str:
    """``AMD EPYC · 2 processors · 23.5 GiB``, as far as this version of wandb tells it."""
    model = getattr(getattr(record, "cpu", None), "model", "")
    memory = getattr(getattr(record, "memory", None), "total", 0)
    parts = (
        model, plural(record.cpu_count, "processor") if record.cpu_count else "",
        f"{gib(memory)} GiB" if memory else "",
    )  # fmt: skip
    return " · ".join(filter(None, parts))


def _config(config: Any) -> dict[str, Any]:
    """The settings that a record changes, None for a removed one. wandb's own settings are left out."""
    changed: dict[str, Any] = {}
    for item in config.update:
        path = list(item.nested_key) or [item.key]
        if path[0] == "_wandb":
            continue
        try:
            value = json.loads(item.value_json)
        except (ValueError, RecursionError):
            value = item.value_json
        changed |= dict(flat({".".join(path): value}))
    for item in config.remove:
        changed[".".join(item.nested_key) or item.key] = None
    return changed


def _seconds(timestamp: Any) -> float | None:
    return moment(timestamp.seconds + timestamp.nanos / 1e9)
