"""kill -9 at random of real trainers, workers, the app and exports: nothing is lost, doubled, half written or wrong.

``GENTUI_SOAK_KILLS`` is the number of kills, and ``GENTUI_SOAK_SEED`` repeats what a seed has drawn; how far the
processes have come by then differs all the same.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from engine.runs.directory import RunDir, State, list_runs
from engine.runs.events import decode, iter_events
from engine.training import checkpoint
from gentui import jobs
from gentui.index import Index
from gentui.jobs.launching import sweep
from tests.support.engine import assert_same, finish, trainer
from tests.support.index import dump, settle
from tests.support.jobs import processes
from tests.support.soak import STEPS, Soak, short_recipe
from tests.support.waiting import wait_for

KILLS = int(os.environ.get("GENTUI_SOAK_KILLS", "20"))
SEED = int(os.environ.get("GENTUI_SOAK_SEED", random.SystemRandom().randrange(1 << 32)))


@pytest.fixture
def soak(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Soak]:
    config = tmp_path / "config"
    config.mkdir()
    (config / "app.json").write_text('{"toured": true}')
    monkeypatch.setenv("GENTUI_CONFIG", str(config))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # what is made anew is killed half made, too
    (tmp_path / "exports").mkdir()
    soak = Soak(home, tmp_path / "exports", random.Random(SEED))
    yield soak
    if soak.exporter is not None:
        soak.exporter.kill()
        soak.exporter.communicate()
    soak.app.kill()


@pytest.fixture
def undisturbed(tmp_path: Path) -> Callable[[str], RunDir]:
    """The run of a recipe as it is when nothing is killed."""

    @cache
    def train(name: str) -> RunDir:
        run = RunDir.create(tmp_path / "undisturbed", short_recipe(name).to_toml(), {"recipe": name}, State())
        code, output = finish(trainer(run))
        assert code == 0, output
        return run

    return train


@pytest.mark.timeout(3600)
def test_random_kills_lose_and_double_nothing_and_leave_everything_true(soak, undisturbed):
    print(f"seed {SEED}, {KILLS} kills")
    try:
        soak.launch()
        soak.launch()
        soak.app.start()
        while soak.kills < KILLS:
            soak.export()
            soak.kill_at_a_moment()
            soak.act()
            soak.check_ends()
        soak.exporter_ended()
        bring_to_the_end(soak)
        for run in list_runs(soak.home):
            whole = undisturbed(run.info()["name"])
            check_log(run, whole)
            check_checkpoints(run, whole)
        check_home(soak)
        check_index(soak)
    except BaseException as error:
        error.add_note(f"GENTUI_SOAK_SEED={SEED} GENTUI_SOAK_KILLS={KILLS}; {soak.kills} kills:")
        error.add_note("\n".join(soak.history))
        raise
    attempts = sum(run.read_state().attempt for run in list_runs(soak.home))
    print(f"{soak.kills} kills, {len(list_runs(soak.home))} runs, {attempts} attempts, {soak.exported} exports")


def bring_to_the_end(soak: Soak) -> None:
    def is_done() -> bool:
        soak.go_on()
        soak.check_ends()
        return not soak.unfinished()

    wait_for(is_done, "everything to be done", 200 * len(soak.unfinished()), interval=0.2)
    soak.app.kill()
    wait_for(lambda: not processes(str(soak.home)), "every process to leave")


def surviving(run: RunDir) -> list[dict[str, Any]]:
    """The records of all attempts that count: those after the step where a later attempt began are replaced."""
    kept: list[dict[str, Any]] = []
    for _, path in run.events_files():
        events = list(iter_events(path))
        begun = next((e for e in events if e.get("status") in ("started", "resumed")), None)
        if begun is not None:
            first = begun["step"] if begun["status"] == "resumed" else -1
            kept = [event for event in kept if event["step"] <= first]
        kept += events
    return kept


def check_log(run: RunDir, whole: RunDir) -> None:
    """Every line is whole, every step is there once, and scores and pictures are those of the undisturbed run."""
    numbers = [number for number, _ in run.events_files()]
    assert set(numbers) <= set(range(1, run.read_state().attempt + 1))
    for _, path in run.events_files():
        *lines, torn = path.read_bytes().split(b"\n")
        events = [decode(line) for line in lines]
        assert None not in events, f"{path}: a line is not whole (the last one: {torn!r})"
        steps = [event["step"] for event in events if _is_training(event)]
        begun = next((e["step"] for e in events if e.get("status") in ("started", "resumed")), 0)
        assert steps == list(range(begun + 1, begun + 1 + len(steps))), f"{path}: {steps}"
        moments = [event["mono"] for event in events if _is_training(event)]
        assert moments == sorted(moments), path
    found, expected = surviving(run), surviving(whole)
    losses = [(event["step"], event["values"]["loss"]) for event in found if _is_training(event)]
    assert [step for step, _ in losses] == list(range(1, STEPS + 1)), run.path
    assert losses == [(e["step"], e["values"]["loss"]) for e in expected if _is_training(e)], run.path
    assert (found[-1]["kind"], found[-1].get("status"), found[-1]["step"]) == ("status", "done", STEPS)
    left_out = parts_left_out(run)
    scores, whole_scores = scores_of(found), scores_of(expected)
    assert scores == {key: value for key, value in whole_scores.items() if key in scores}
    assert left_out or scores.keys() == whole_scores.keys(), run.path
    pictures = {event["path"] for event in found if event["kind"] == "sample"}
    if not left_out:
        assert pictures == {event["path"] for event in expected if event["kind"] == "sample"}
    for path in pictures:
        assert (run.path / path).read_bytes() == (whole.path / path).read_bytes(), run.path / path


def _is_training(event: dict[str, Any]) -> bool:
    return event["kind"] == "metrics" and "loss" in event["values"]


def scores_of(events: list[dict[str, Any]]) -> dict[tuple[Any, ...], float]:
    """Scores by what tells them apart; one that was made again in the same place is the same."""
    found: dict[tuple[Any, ...], float] = {}
    for event in events:
        if event["kind"] == "evaluation":
            key = (event["step"], event["metric"], event["role"], event["protocol_id"], event.get("noise_seed"))
            assert found.setdefault(key, event["value"]) == event["value"], key
    return found


def parts_left_out(run: RunDir) -> set[str]:
    """The scores and figures of the run that were left out, as they are where two kills have hit them."""
    ends: list[int] = []  # the last step of each attempt before
    for _, path in run.events_files():
        for event in filter(_leaves_out, iter_events(path)):
            assert ends.count(event["step"]) >= 2, (path, event)
        ends.append(_last_step(path))
    return {event["name"] for event in filter(_leaves_out, surviving(run))}


def _leaves_out(event: dict[str, Any]) -> bool:
    return event["kind"] == "alert" and event["name"] in ("scores", "report", "figure", "examination")


def _last_step(path: Path) -> int:
    return max((event["step"] for event in iter_events(path)), default=-1)


def check_checkpoints(run: RunDir, whole: RunDir) -> None:
    """Every link leads to a checkpoint that loads; weights, optimiser, average and random state are as undisturbed."""
    choices = run.available_checkpoints()
    assert "last" in choices
    if not parts_left_out(run):
        assert choices == whole.available_checkpoints()
    for which in choices:
        if which == "best" and parts_left_out(run):
            checkpoint.load(run, which)
            continue
        weights, state = checkpoint.load(run, which)
        whole_weights, whole_state = checkpoint.load(whole, which)
        assert_same(weights, whole_weights, f"{run.path} {which}")
        for key in ("method", "rng", "step", "images", "epoch_loss", "epoch_steps"):
            assert_same(state[key], whole_state[key], f"{run.path} {which} {key}")


def check_home(soak: Soak) -> None:
    """Every state is true, nobody crashed, and what killed processes left half made is gone or swept by a worker."""
    soak.check_ends()
    for run in list_runs(soak.home):
        state = jobs.settled(run)
        assert state is not None and (state.status, state.reason) == ("done", ""), run.path
        assert state.signal in (None, signal.SIGKILL)  # which may come after the last word, before the end
        assert b"Traceback" not in run.log_path.read_bytes(), run.log_path.read_text()
    assert not (soak.home / "crash.log").exists(), (soak.home / "crash.log").read_text()
    assert b"Traceback" not in soak.app.written
    for log in (soak.home / "slots").glob("*/*.log"):
        assert b"Traceback" not in log.read_bytes(), log.read_text()
    sweep(soak.home, older_than=0.0)
    left = [str(path.relative_to(soak.home)) for path in soak.home.rglob(".*")]
    assert left == []
    left = [path.name for path in soak.exports.rglob(".*")]
    assert left == []


def _cells(live: tuple[Any, ...] | None, anew: tuple[Any, ...] | None) -> Any:
    """Where two rows differ, with what tells a reader which row it is."""
    if live is None or anew is None:
        return live, anew
    return live[:4], [
        (n, *cells) for n, cells in enumerate(zip(live, anew, strict=True)) if cells[0] != cells[1]
    ]


def check_index(soak: Soak) -> None:
    """The index that grew meanwhile holds what one made anew holds, and that is what the logs say."""
    index = Index(soak.home)
    wait_for(lambda: not index.refresh(wait=5.0), "the index to have everything")
    settle()
    index.refresh()
    live = dump(index.path)
    index.rebuild()
    anew = dump(index.path)
    for table in anew:
        differences = [two for two in zip_longest(live[table], anew[table]) if two[0] != two[1]]
        assert not differences, (table, [_cells(*two) for two in differences[:3]])
    for run in list_runs(soak.home):
        row, losses = index.run(run.id), index.series(run.id, "loss")
        assert (row.status, row.step, row.corrupt) == ("done", STEPS, 0)
        assert losses.x.tolist() == list(range(1, STEPS + 1))
