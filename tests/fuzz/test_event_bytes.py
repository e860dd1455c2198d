"""Event files of any bytes: what is whole is read, in any pieces, and what is not is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.runs.events import EventWriter, decode, encode, iter_events, last_event, read_events
from tests.support.cases import cases, limited, objects, spoiled, texts

_KINDS = st.sampled_from(
    ["metrics", "status", "alert", "sample", "evaluation", "checkpoint", "figure", "system"]
)
records = st.builds(lambda kind, more: {**more, "kind": kind}, st.one_of(_KINDS, texts), objects())
lines = st.one_of(records.map(encode), spoiled(records.map(encode)), st.binary(max_size=30), st.just(b"\n"))
logs = st.lists(lines, max_size=3).map(b"".join)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events") / "events-1.jsonl"


def same(first: Any, second: Any) -> bool:
    return repr(first) == repr(second)  # NaN, too


@given(log=logs, cuts=st.lists(st.integers(0, 600), max_size=4))
@cases(300)
def test_what_is_whole_is_read_in_any_pieces(path: Path, log: bytes, cuts: list[int]):
    whole = [record for line in log.split(b"\n")[:-1] if (record := decode(line)) is not None]
    with limited():
        offset, read, corrupt = 0, [], 0
        for cut in [*sorted(cuts), len(log)]:
            path.write_bytes(log[:cut])
            batch = read_events(path, offset)
            assert batch.offset >= offset
            offset, read, corrupt = batch.offset, read + batch.events, corrupt + batch.corrupt
        assert same(read, whole) and same([*iter_events(path)], whole)
        assert corrupt == sum(bool(line) and decode(line) is None for line in log.split(b"\n")[:-1])
        assert same(last_event(path, lambda record: True), whole[-1] if whole else None)


@given(record=records, before=logs)
@cases(150)
def test_a_record_after_any_bytes_is_read_as_it_was_written(path: Path, record: dict[str, Any], before: bytes):
    path.write_bytes(before)
    with limited():
        writer = EventWriter(path)
        writer.emit_many([record])
        writer.close()
        assert same(last_event(path, lambda record: True), decode(encode(record)[:-1]))


@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
@example(at=9, bit=0)
@cases(250)
def test_a_flipped_bit_costs_one_record_and_is_counted(path: Path, at: int, bit: int):
    several = [encode({"kind": "metrics", "step": s, "values": {"loss": 0.5}}) for s in range(5)]
    broken = bytearray(several[2])
    broken[at % (len(broken) - 1)] ^= 1 << bit
    path.write_bytes(b"".join([*several[:2], broken, *several[3:]]))
    with limited():
        batch = read_events(path)
    assert [e["step"] for e in batch.events] == [0, 1, 3, 4]
    assert batch.corrupt >= 1  # a flip into a newline makes two bad lines of one
