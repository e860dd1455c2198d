"""Homes in which files are anything: each command says what it can, in words, and goes nowhere else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.runs.events import encode
from tests.support.cases import cases, json_values, objects, spoiled, texts
from tests.support.world import World, faults_of

PLACES = (
    *(f"runs/@alpha/{name}" for name in (
        "recipe.toml", "run.json", "state.json", "marks.json", "events-1.jsonl", "events-2.jsonl", "events-1.jsonl",
        "state.json", "run.json", "log.txt", "architecture.txt", "lock", "checkpoints", "checkpoints/last",
        "checkpoints/kept-000000012", "samples", "figures", "samples/000012.png", "events-99999999999999999999.jsonl")),
    *(f"evaluations/@evaluation/{name}" for name in ("job.json", "state.json", "scores.json", "log.txt", "lock", "")),
    "runs/@alpha", "runs/@waiting/state.json", "runs/@beta/state.json", "trash/@trashed/run/run.json", "trash/@trashed",
    "runs", "evaluations", "trash", "slots", "hosts.toml",
    "runs/@alpha/owner.json", "index.db", "app.json", "import.lock", "precisions", "runs/odd", "cache",
)  # fmt: skip
CALLS = (
    "runs", "runs --json", "runs --filter fid<60", "show @alpha", "show @alpha --json", "show latest", "logs @alpha",
    "logs @evaluation", "logs -f @alpha", "events @alpha", "events -f @alpha", "compare @alpha @beta",
    "compare @alpha @beta --json", "leaderboard", "leaderboard --json", "export -f csv", "export -f json",
    "export -f html", "export -f latex", "export -f md", "report @alpha -o new", "report @alpha @beta -o new",
    "tag @alpha +x",
    "note @alpha x", "rename @alpha x", "rm @alpha", "rm --now @alpha", "rm @evaluation", "rm --now",
    "restore @trashed",
    "restore", "trash", "trash empty --yes", "resume @alpha", "resume @beta",
    "resume @beta -o evaluate.batch_size=2 --wait",
    "resume @evaluation --wait", "stop @alpha", "stop @waiting --wait", "stop @evaluation", "queue @waiting --first",
    "evaluate @alpha --no-wait", "evaluate @alpha --samples 20", "evaluate @alpha --now", "sample @alpha -o new.png",
    "sample @alpha -o new.png --checkpoint 12", "index rebuild", "open @alpha", "import table.csv", "doctor --json",
    "hosts", "hosts check gpu", "run digits-unet --on gpu", "run digits-unet --wait",
    "run digits-unet --sweep seed=0..1",
)  # fmt: skip
_KEYS = st.sampled_from([
    "status", "reason", "attempt", "slot", "queued_at", "started_at", "ended_at", "pid", "start_time", "boot_id",
    "exit_code", "signal", "stop_requested_at", "extra", "name", "recipe", "title", "family", "dataset",
    "quick", "seed",
    "device", "command", "versions", "created_at", "total_steps", "reference", "imported", "threads", "changes", "tags",
    "notes", "run", "options", "values", "path", "step", "images", "t", "rows", "caption", "value", "metric",
    "protocol",
    "protocol_detail", "lower_is_better", "floor", "std", "role", "noise_seed", "severity", "sentence",
    "cause", "places", "on", "host",
])  # fmt: skip
_KINDS = st.sampled_from(
    ["metrics", "status", "alert", "sample", "evaluation", "checkpoint", "figure", "system"]
)
events = st.builds(
    lambda kind, more: encode({"step": 3, "images": 9, "t": 1e9, **more, "kind": kind}), _KINDS, objects(_KEYS)
)
Deed = Callable[[Path], None]


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)


def _written(data: bytes) -> Deed:
    def write(path: Path) -> None:
        _clear(path)
        path.write_bytes(data)

    return write


def _keyed(more: dict[str, Any]) -> Deed:
    """A file of JSON with some keys set, a log with a record more, or a text file without these."""

    def change(path: Path) -> None:
        try:
            raw = json.loads(path.read_bytes() if path.is_file() else b"{}")
            _written(json.dumps({**raw, **more} if isinstance(raw, dict) else more).encode())(path)
        except (OSError, ValueError):
            _written(json.dumps(more).encode())(path)

    return change


def _logged(record: bytes) -> Deed:
    def append(path: Path) -> None:
        if not path.is_file():
            _clear(path)
        with path.open("ab") as file:
            file.write(record)

    return append


def _linked(target: str) -> Deed:
    def link(path: Path) -> None:
        _clear(path)
        path.symlink_to(target)

    return link


def _folder(path: Path) -> None:
    _clear(path)
    (path / "inside").mkdir(parents=True)


def _fifo(path: Path) -> None:
    _clear(path)
    os.mkfifo(path)


def _spoil(change: bytes, at: int) -> Deed:
    def spoil(path: Path) -> None:
        data = path.read_bytes() if path.is_file() else b""
        at_ = at % (len(data) + 1)
        _written(data[:at_] + change + data[at_ + len(change) :])(path)

    return spoil


targets = st.sampled_from(["/dev/zero", "/dev/full", "nowhere", "lock", ".", "..", "../../../cwd/mine.toml",
    "/etc/passwd",
                           "/proc/self/environ", "x/" * 2000])  # fmt: skip
deeds = st.one_of(
    objects(_KEYS).map(_keyed), objects(_KEYS).map(_keyed), events.map(_logged), events.map(_logged),
    json_values.map(lambda value: _written(json.dumps(value).encode())), targets.map(_linked),
    spoiled(texts.map(lambda text: text.encode("utf-8", "surrogatepass"))).map(_written),
    st.builds(_spoil, st.binary(min_size=1, max_size=4), st.integers(0, 5000)),
    st.sampled_from([_clear, _folder, _fifo, _written(b"")]),
)  # fmt: skip


@given(
    odd=st.lists(st.tuples(st.sampled_from(PLACES), deeds), min_size=1, max_size=3),
    calls=st.lists(st.sampled_from(CALLS), min_size=2, max_size=2),
    is_terminal=st.booleans(),
)
@example(odd=[("runs/@alpha/state.json", _written(b"null"))], calls=["runs", "show @alpha"], is_terminal=False)
@example(
    odd=[("runs/@alpha/events-99999999999999999999.jsonl", _written(b""))],
    calls=["runs", "runs"],
    is_terminal=False,
)
@example(
    odd=[("evaluations/@evaluation/scores.json", _written(b"[1]"))],
    calls=["resume @evaluation --wait"],
    is_terminal=False,
)
@cases(250)
def test_any_files_of_a_home(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    odd: list[tuple[str, Deed]],
    calls: list[str],
    is_terminal: bool,
):
    with monkeypatch.context() as patch, world.case() as fence:
        world.on_terminal(patch, is_terminal)
        for place, deed in odd:
            names = [world.ids[part[1:]] if part[:1] == "@" else part for part in place.split("/") if part]
            try:
                deed(world.home.joinpath(*names))
            except OSError:
                continue  # what was done before is in the way
        for call in calls:
            result = world.invoke(*call.split())
            assert not (faults := faults_of(result, fence, is_terminal)), (call, faults, result.output)
