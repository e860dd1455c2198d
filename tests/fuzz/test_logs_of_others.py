"""Logs of other programs, of any bytes: `gentui import` makes a run of them or says in words why not."""

from __future__ import annotations

import json

import pytest
import wandb.proto.wandb_internal_pb2  # noqa: F401  (its first import makes a folder, which the fence refuses)
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import cases, numbers, objects, spoiled, texts
from tests.support.logs import WandbFile
from tests.support.world import World, faults_of

_CELLS = st.one_of(
    st.sampled_from(["1", "2", "0.5", "1,5", "", "nan", '"a', '"b"', "-1", "1e999", "9" * 400]),
    numbers.map(str),
)
_NAMES = st.sampled_from(["step", "loss", "epoch", "iter", "time", "", "step", "a.b", "\x1b[2J", "name", '"x'])
_KEYS = st.one_of(st.sampled_from(["step", "loss", "epoch", "time", "_step", "_timestamp"]), texts)


def _table(separator: str, rows: list[list[str]], end: str, encoding: str) -> bytes:
    return end.join(separator.join(row) for row in rows).encode(encoding, "replace")


tables = st.builds(
    _table, st.sampled_from([",", ";", "\t", "|", " "]),
    st.tuples(st.lists(_NAMES, max_size=3), st.lists(st.lists(_CELLS, max_size=3),
    max_size=3)).map(lambda t: [t[0], *t[1]]),
    st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["utf-8", "utf-16", "latin-1", "utf-8-sig"]),
)  # fmt: skip
lines = st.lists(objects(_KEYS).map(lambda row: json.dumps(row).encode()), max_size=3).map(b"\n".join)
event_files = st.lists(spoiled(st.just(b"\x18" + b"\0" * 11 + b"\x09" + b"\0" * 8)), max_size=2).map(b"".join)


@given(
    log=st.one_of(
        st.tuples(st.just("a.csv"), spoiled(tables)), st.tuples(st.just("a.jsonl"), spoiled(lines)),
        st.tuples(st.just("events.out.tfevents.1"), event_files), st.tuples(st.just("a.tsv"), st.binary(max_size=60)),
    ),
    options=st.lists(st.sampled_from(["--json", "--follow", "--name=x"]), max_size=2),
)  # fmt: skip
@cases(250)
def test_a_log_of_any_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch, log: tuple[str, bytes], options: list[str]
):
    name, data = log
    with monkeypatch.context() as patch, world.case(is_empty=True) as fence:
        world.on_terminal(patch, True)
        (world.cwd / name).write_bytes(data)
        _check(world, fence, name, options)


@given(piece=st.binary(min_size=1, max_size=6), at=st.integers(0, 3000), key=_KEYS, value=numbers)
@cases(80)
def test_a_spoiled_run_of_wandb(
    world: World, monkeypatch: pytest.MonkeyPatch, piece: bytes, at: int, key: str, value: float
):
    with monkeypatch.context() as patch, world.case(is_empty=True) as fence:
        world.on_terminal(patch, True)
        log = WandbFile(world.cwd / "r")
        log.add(run={"run_id": "r", "display_name": "r"})
        log.log(1, loss=1.0, **({key: value} if key != "loss" and abs(value) < 2**60 else {}))
        log.add(exit={"exit_code": 0})
        data = log.path.read_bytes()
        at %= len(data)
        log.path.write_bytes(data[:at] + piece + data[at + len(piece) :])
        _check(world, fence, str(log.path), [])


def _check(world: World, fence, name: str, options: list[str]) -> None:
    for words in (["import", name, *options], ["show", "latest", "--json"], ["runs"]):
        result = world.invoke(*words)
        assert not (faults := faults_of(result, fence, True)), (words, faults, result.output)
