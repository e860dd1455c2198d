"""The event log keeps whole records, whatever happens to the writer, and its readers survive any file."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.runs.events import MAX_LINE, EventWriter, decode, encode, iter_events, last_event, read_events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events-1.jsonl"


def steps(path: Path) -> list[int]:
    return [event["step"] for event in iter_events(path)]


def test_records_come_back_as_they_were_written(path):
    writer = EventWriter(path)
    values = {"loss": 0.1 + 0.2, "tiny": 5e-324, "nan": math.nan, "inf": -math.inf, "schön\u2028": 3}
    writer.emit("metrics", step=7, images=56, values=values)
    writer.close()
    (event,) = iter_events(path)
    assert (event["kind"], event["step"], event["images"]) == ("metrics", 7, 56)
    assert event["t"] > 1.6e9 and event["mono"] > 0
    assert math.isnan(event["values"].pop("nan"))
    values.pop("nan")
    assert event["values"] == values


def test_a_call_is_one_write(path, monkeypatch):
    writer = EventWriter(path)
    real, writes = os.write, []
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(data) or real(fd, data))
    writer.emit_many([writer.stamp("metrics", step=s, images=s, values={}) for s in range(100)])
    assert len(writes) == 1 and steps(path) == list(range(100))


def test_a_torn_tail_is_not_yet_written(path):
    whole = encode({"kind": "metrics", "step": 1})
    for cut in range(len(whole)):
        path.write_bytes(whole + whole[:cut])
        batch = read_events(path)
        assert len(batch.events) == 1 and batch.corrupt == 0 and batch.offset == len(whole)
    path.write_bytes(whole + whole)
    assert [e["step"] for e in read_events(path, batch.offset).events] == [1]


@pytest.mark.parametrize(
    "line",
    [
        b"", b" ", b"00000000", b"00000000 ", b"00000000 {}", b"zzzzzzzz {}", b"\x00" * 50, b"\xff" * 50,
        encode({"step": 1})[:-1], encode({"kind": 3})[:-1],
        b"%08x %s" % (0x5D5FAA8D, b"[1,2]"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_record_is_none(line):
    assert decode(line) is None


def test_deep_nesting_and_trailing_text_are_corrupt_not_fatal():
    import zlib

    for body in (b"[" * 100_000, b'{"kind":"a"}{"kind":"b"}', b'{"kind":"a"} x', b'{"kind":"\xff"}'):
        assert decode(b"%08x %s" % (zlib.crc32(body), body)) is None


def test_a_record_longer_than_any_is_stepped_over_the_same_way_each_time(path):
    record = encode({"kind": "metrics", "step": 1})
    path.write_bytes(record + b"x" * (3 * MAX_LINE + 17) + b"\n" + record)
    ends = []
    for limit in (100, 1 << 16, 1 << 20, 1 << 22, 1 << 25):
        offset, events, corrupt = 0, 0, 0
        while True:
            batch = read_events(path, offset, limit)
            if batch.offset == offset:
                break
            offset, events, corrupt = batch.offset, events + len(batch.events), corrupt + batch.corrupt
        ends.append((offset, events, corrupt > 0))
    assert ends == [(path.stat().st_size, 2, True)] * len(ends)


def test_any_portion_gives_the_same_records(path):
    writer = EventWriter(path)
    for s in range(200):
        writer.emit("metrics", step=s, images=s, values={"text": "x" * (s % 50)})
    size = path.stat().st_size
    data = path.read_bytes()
    for portion in (7, 100, 4096, size):
        offset, found = 0, []
        path.write_bytes(b"")
        for begin in range(0, size, portion):
            with path.open("ab") as file:
                file.write(data[begin : begin + portion])
            batch = read_events(path, offset)
            found += [e["step"] for e in batch.events]
            offset = batch.offset
        assert found == list(range(200))


def test_a_writer_that_follows_a_killed_one_ends_its_torn_line_first(path):
    writer = EventWriter(path)
    writer.emit("metrics", step=1, images=1)
    writer.close()
    with path.open("ab") as file:
        file.write(encode({"kind": "metrics", "step": 2})[:11])
    writer = EventWriter(path)
    writer.emit("metrics", step=3, images=1)
    writer.close()
    batch = read_events(path)
    assert [e["step"] for e in batch.events] == [1, 3] and batch.corrupt == 1


def full_after(monkeypatch, room: int):
    """A disk with ``room`` bytes left; the returned list's only item is what is left."""
    left, real = [room], os.write

    def write(fd: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(fd, data[: left[0]])
        left[0] -= written
        return written

    monkeypatch.setattr(os, "write", write)
    return left


def test_a_full_disk_drops_nothing_and_says_so(path, monkeypatch):
    writer = EventWriter(path)
    left = full_after(monkeypatch, 1000)
    for s in range(100):
        writer.emit("metrics", step=s, images=s, values={"loss": 1.0})
    assert writer.blocked and len(steps(path)) < 100
    with pytest.raises(OSError, match="No space left"):
        writer.sync()
    left[0] = 1 << 30
    writer.emit("metrics", step=100, images=100, values={})
    writer.sync()
    assert not writer.blocked and steps(path) == list(range(101)) and read_events(path).corrupt == 0


def test_a_disk_full_for_too_long_loses_the_newest_records_whole(path, monkeypatch):
    writer = EventWriter(path, max_pending=2000)
    left = full_after(monkeypatch, 500)
    for s in range(200):
        writer.emit("metrics", step=s, images=s, values={"loss": 1.0})
    left[0] = 1 << 30
    writer.emit("metrics", step=200, images=200, values={})
    kept = steps(path)
    assert kept[:-1] == list(range(len(kept) - 1)) and kept[-1] == 200
    assert read_events(path).corrupt == 0 and writer.dropped == 201 - len(kept)


def test_other_trouble_with_the_file_is_raised(path, monkeypatch):
    writer = EventWriter(path)

    def broken(fd: int, data: bytes) -> int:
        raise OSError(errno.EIO, "bad disk")

    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(OSError, match="bad disk"):
        writer.emit("metrics", step=1, images=1)


def test_what_is_not_a_plain_file_is_empty_and_never_waited_for(tmp_path):
    fifo, link, folder = tmp_path / "fifo", tmp_path / "link", tmp_path / "folder"
    os.mkfifo(fifo)
    link.symlink_to("/dev/zero")
    folder.mkdir()
    for path in (fifo, link, folder, tmp_path / "missing"):
        assert read_events(path).events == [] and last_event(path, lambda e: True) is None


def test_a_file_that_shrank_is_read_from_its_beginning(path):
    path.write_bytes(encode({"kind": "metrics", "step": 1}) * 10)
    offset = read_events(path).offset
    path.write_bytes(encode({"kind": "metrics", "step": 2}))
    assert [e["step"] for e in read_events(path, offset).events] == [2]


@pytest.mark.parametrize("count", [0, 1, 3, 5000])
def test_the_last_event_is_found_from_the_end(path, count):
    writer = EventWriter(path)
    writer.emit("status", step=0, images=0, status="started")
    for s in range(count):
        writer.emit("metrics", step=s, images=s, values={"pad": "p" * 60})
    found = last_event(path, lambda e: e["kind"] == "status")
    assert found and found["status"] == "started"
    with path.open("ab") as file:
        file.write(encode({"kind": "status", "status": "done"})[:-1])
    found = last_event(path, lambda e: e["kind"] == "status")
    assert found and found["status"] == "started"  # a torn line is not yet written
    with path.open("ab") as file:
        file.write(b"\n")
    found = last_event(path, lambda e: e["kind"] == "status")
    assert found and found["status"] == "done"
    assert last_event(path, lambda e: e["kind"] == "alert") is None


def test_kill_9_loses_no_record_whose_write_returned(tmp_path):
    path = tmp_path / "events-1.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(200):
        reported = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    for line in process.stdout:  # what it had still said before it died
        if line.endswith("\n"):
            reported = int(line)
    process.wait()
    found = steps(path)
    assert found == list(range(len(found))) and found[-1] >= reported


WRITES_FOR_EVER = """
import itertools, sys
from pathlib import Path
from engine.runs.events import EventWriter
writer = EventWriter(Path(sys.argv[1]))
for step in itertools.count():
    writer.emit("metrics", step=step, images=step, values={"loss": 1.0})
    print(step, flush=True)
"""


def test_a_log_is_private(path):
    old = os.umask(0)
    try:
        EventWriter(path).close()
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600


def test_lines_can_be_read_with_cut_and_jq_alone(path):
    EventWriter(path).emit("status", step=1, images=2, status="started", device="cpu")
    line = path.read_text()
    assert json.loads(line[9:])["device"] == "cpu"
