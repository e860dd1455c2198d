"""Evaluations of runs in the same queue as the runs: real processes, pretended scoring."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from engine.runs.directory import RunDir, State, boot_id
from engine.runs.events import EventWriter, iter_events
from gentui import jobs
from gentui.index import Index
from gentui.jobs.evaluations import evaluations_of, images_done, status_text
from gentui.jobs.job_types import EvaluationDir
from gentui.jobs.launching import sweep
from gentui.jobs.states import queue
from tests.support.jobs import evaluators, wait_for_status, wait_for_step, workers
from tests.support.waiting import wait_for


@pytest.fixture
def trained(launch):
    """A run as it is after training, whose scoring behaves as the keywords say."""

    def make(**scoring: object) -> RunDir:
        run = launch(start=False, scoring=scoring)
        run.write_state(State(status="done", attempt=1, slot="cpu"))
        (run.checkpoints / "last").mkdir()
        return run

    return make


@pytest.fixture
def evaluate(home, monkeypatch):
    """Queue an evaluation; ``start=False`` leaves it queued."""

    def evaluate(run: RunDir, *, start: bool = True, **options: object) -> EvaluationDir:
        with pytest.MonkeyPatch.context() as patch:
            if not start:
                patch.setattr("gentui.jobs.evaluations.ensure_workers", lambda *given: None)
            return jobs.evaluate(home, run.id, options)

    return evaluate


def scores_of(run: RunDir) -> list[float]:
    found = [event for _, path in run.events_files() for event in iter_events(path)]
    return [event["value"] for event in found if event["kind"] == "evaluation"]


def test_an_evaluation_is_done_by_the_worker_and_its_scores_join_the_run(home, trained, evaluate):
    run = trained()
    job = evaluate(run, samples=7, extractor=None)
    state = wait_for_status(job, "done")
    assert (state.exit_code, state.attempt, state.slot, state.reason) == (0, 1, "cpu", "")
    assert [(row["run"], row["metric"], row["value"]) for row in job.scores()] == [(run.id, "fid", 12.5)]
    assert job.options() == {"samples": 7} and images_done(job) == (7, 7)
    assert scores_of(run) == [12.5]
    wait_for(lambda: not workers(home), "the worker to leave")
    index = Index(home)
    index.refresh()
    assert [row.id for row in index.runs()] == [run.id], "an evaluation is no run"
    assert [score.value for score in index.evaluations(run.id)] == [12.5]
    assert jobs.pending(home) == []
    for path in [job.path.parent, job.path, *job.path.iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_it_waits_behind_the_run_that_trains_and_what_was_queued_before(home, launch, trained, evaluate):
    scored = trained()
    training = launch(steps=60, pause=0.02)
    wait_for_step(training, 2)
    second = launch(steps=2, start=False)
    job = evaluate(scored)
    third = launch(steps=2, start=False)
    (pending,) = jobs.pending(home)
    assert (pending.id, pending.run, pending.status) == (job.id, scored.id, "queued")
    assert pending.standing == f"waiting: run {training.id} is training on cpu, 1 job before it"
    assert [waiting.id for waiting, _ in queue(home)] == [second.id, job.id, third.id]
    ends = [wait_for_status(waited, "done") for waited in (training, second, job, third)]
    begun = [state.started_at or 0.0 for state in ends]
    assert begun == sorted(begun)
    assert all((a.ended_at or 0.0) <= (b.started_at or 0.0) for a, b in itertools.pairwise(ends))


def test_a_stopped_one_leaves_the_queue_or_is_ended_and_can_be_queued_again(home, launch, trained, evaluate):
    run = trained(images=100, pause=0.01)
    waiting = evaluate(run, start=False)
    jobs.stop(home, waiting.id)
    assert waiting.read_state().reason == "stopped while queued"
    running = evaluate(run)
    wait_for(lambda: images_done(running), "the first images")
    jobs.stop(home, running.id, wait=True)
    state = running.read_state()
    assert (state.status, state.reason) == ("stopped", "stopped before there was a score")
    assert scores_of(run) == [] and not evaluators(home)
    jobs.resume(home, running.id)
    assert wait_for_status(running, "done").attempt == 2
    assert scores_of(run) == [12.5]
    with pytest.raises(jobs.JobError, match=f"evaluation {running.id} is already finished"):
        jobs.resume(home, running.id)


def test_what_is_computed_once_all_is_drawn_is_how_it_stands(home, trained, evaluate):
    job = evaluate(trained(), start=False)
    state = State(status="running")
    for line, told in [
        ("5/60 images", "evaluating 5/60"),
        (
            "computing kid of 60 generated and 360 real images",
            "computing kid of 60 generated and 360 real images",
        ),
        ("60/60 images", "evaluating 60/60"),
    ]:
        with job.log_path.open("a") as log:
            log.write(line + "\n")
        assert status_text(home, job, state) == told


def test_kill_9_of_the_evaluation_is_told_and_the_queue_goes_on(home, trained, evaluate):
    run = trained(images=1000, pause=0.02)
    job = evaluate(run)
    after = evaluate(trained())
    wait_for(lambda: images_done(job))
    os.kill(job.read_state().pid or 0, signal.SIGKILL)
    state = wait_for_status(job, "failed")
    assert (state.reason, state.signal) == ("killed by signal 9", 9)
    wait_for_status(after, "done")
    assert scores_of(run) == []


def test_kill_9_of_the_worker_loses_nothing(home, trained, evaluate):
    run = trained(images=60, pause=0.02)
    job = evaluate(run)
    wait_for(lambda: images_done(job))
    pid = job.read_state().pid
    for worker in workers(home):
        os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not workers(home))
    after = evaluate(trained())  # starts another worker, which waits for the orphan
    state = wait_for_status(job, "done")
    assert (state.attempt, state.pid) == (1, pid)
    assert (wait_for_status(after, "done").started_at or 0.0) >= (state.ended_at or 0.0)
    assert scores_of(run) == [12.5]


def test_killed_with_its_worker_it_is_lost_and_can_be_queued_again(home, trained, evaluate):
    run = trained(images=60, pause=0.02)
    job = evaluate(run)
    wait_for(lambda: images_done(job))
    for pid in [*workers(home), *evaluators(home)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not job.is_alive())
    jobs.reconcile(home)
    state = job.read_state()
    assert (state.status, state.reason) == ("lost", "the evaluation vanished while no worker was watching it")
    jobs.resume(home, job.id)
    wait_for_status(job, "done")
    assert scores_of(run) == [12.5]


def test_one_claimed_by_a_worker_that_died_at_once_goes_back_into_the_queue(home, trained, evaluate):
    job = evaluate(trained(), start=False)
    state = job.read_state()
    job.write_state(state.with_(status="running", attempt=1, slot="cpu", boot_id=boot_id()))
    jobs.reconcile(home)
    assert (job.read_state().status, job.read_state().attempt) == ("queued", 0)
    jobs.ensure_workers(home)
    wait_for_status(job, "done")


@pytest.mark.parametrize("code", [2, 4])
def test_the_engines_sentence_is_the_reason(home, trained, evaluate, code):
    job = evaluate(
        trained(exit=code, says="Warning: slow\nno extractor called 'inc\x1b[31meption'; known: probe")
    )
    state = wait_for_status(job, "failed")
    assert (state.exit_code, state.reason) == (code, "no extractor called 'inception'; known: probe")


def test_a_crash_is_explained_by_its_log(home, trained, evaluate):
    says = "Traceback (most recent call last):\n  File x\nRuntimeError: the net is too large\n"
    assert wait_for_status(evaluate(trained(exit=1, says=says)), "failed").reason == (
        "RuntimeError: the net is too large (exit code 1)"
    )
    without = wait_for_status(evaluate(trained(exit=0)), "failed")
    assert without.reason == "the evaluation exited without reporting anything (exit code 0)"


def test_a_run_without_a_checkpoint_is_not_queued(home, launch, evaluate):
    run = launch(start=False)
    with pytest.raises(jobs.JobError, match="has no checkpoint yet"):
        evaluate(run)
    (run.checkpoints / "last").mkdir()
    with pytest.raises(jobs.JobError, match="has no best checkpoint yet"):
        evaluate(run, checkpoint="best")
    with pytest.raises(jobs.JobError, match="there is no run 20260101"):
        jobs.evaluate(home, "20260101-000000-00000", {})
    assert jobs.pending(home) == []


def test_removing_a_run_takes_its_evaluations_but_not_under_way(home, trained, evaluate):
    run = trained(images=1000, pause=0.02)
    other = evaluate(trained(), start=False)
    running = evaluate(run)
    wait_for(lambda: images_done(running))
    waiting = evaluate(run)
    with pytest.raises(
        jobs.JobError, match=f"run {run.id} is being evaluated by {running.id}; stop that first"
    ):
        jobs.remove(home, run.id)
    with pytest.raises(jobs.JobError, match=f"evaluation {running.id} is running; stop it first"):
        jobs.remove(home, running.id)
    jobs.stop(home, waiting.id)
    jobs.stop(home, running.id, wait=True)
    jobs.remove(home, run.id)
    assert not run.path.exists() and not running.path.exists() and not waiting.path.exists()
    wait_for_status(other, "done")
    jobs.remove(home, other.id)
    assert not list((home / "evaluations").iterdir())


def test_an_ended_job_is_removed_though_its_worker_holds_the_lock_a_moment_longer(home, trained, evaluate):
    run = trained()
    ended = evaluate(run, start=False)
    jobs.stop(home, ended.id)
    locks = [job.open_lock() for job in (run, ended)]
    for lock in locks:
        fcntl.flock(lock, fcntl.LOCK_EX)
    release = threading.Timer(0.7, lambda: [os.close(lock) for lock in locks])
    release.start()
    jobs.remove(home, run.id)
    release.join()
    assert not run.path.exists() and not ended.path.exists()


def test_a_run_that_is_gone_when_its_turn_comes_fails_with_a_sentence(home, trained, evaluate):
    run = trained()
    job = evaluate(run, start=False)
    run.path.rename(home / "elsewhere")
    jobs.ensure_workers(home)
    assert "cannot read" in wait_for_status(job, "failed").reason


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"run": "../../etc", "options": {}}', '{"run": 7}', '{"options": {}}']
)
def test_a_job_that_names_no_run_fails_and_the_queue_goes_on(home, trained, evaluate, content):
    run = trained()
    broken, good = evaluate(run, start=False), evaluate(run, start=False)
    broken.job_path.write_text(content)
    assert [pending.id for pending in jobs.pending(home)] == [good.id]
    assert evaluations_of(home, run.id)[0].id == good.id
    jobs.ensure_workers(home)
    assert "could not be started" in wait_for_status(broken, "failed").reason
    wait_for_status(good, "done")


def test_what_is_long_over_is_swept_away(home, trained, evaluate):
    old, young, waiting = (evaluate(trained(), start=False) for _ in range(3))
    old.write_state(State(status="done", attempt=1, ended_at=1e9))
    young.write_state(old.read_state().with_(ended_at=4e9))
    (home / "evaluations" / ".removed-x").mkdir()
    sweep(home)
    assert sorted(path.name for path in (home / "evaluations").iterdir()) == sorted([young.id, waiting.id])


def test_an_id_may_be_shortened(home, trained, evaluate):
    first, second = (evaluate(trained(), start=False) for _ in range(2))
    assert jobs.find_evaluation(home, first.id) == first.id
    assert jobs.find_evaluation(home, second.id[:-1]) in (second.id, None)
    assert jobs.find_evaluation(home, "eval-") is None
    assert jobs.find_evaluation(home, first.id.removeprefix("eval-")) is None


def test_two_at_once_beside_training_tear_no_event(launch):
    """As with --now, or on a machine with several devices: everybody appends to one log."""
    run = launch(steps=400, pause=0.002)
    wait_for_step(run, 5)
    (run.checkpoints / "last").mkdir()
    command = [*json.loads(os.environ["GENTUI_EVALUATOR"]), str(run.path), "--samples=2"]
    for _ in range(4):
        both = [
            subprocess.Popen([*command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)
        ]
        assert [process.wait(timeout=30) for process in both] == [0, 0]
    wait_for_status(run, "done")
    data = run.events_path(1).read_bytes()
    records = list(iter_events(run.events_path(1)))
    assert len(records) == sum(bool(line) for line in data.split(b"\n"))
    assert sum(record["kind"] == "metrics" for record in records) == 400
    assert scores_of(run) == [12.5] * 8


def test_writers_of_long_records_do_not_mix(tmp_path: Path):
    path = tmp_path / "events-1.jsonl"

    def write(name: str) -> None:
        for n in range(200):
            writer = EventWriter(path)  # as an evaluation does: it opens, appends, closes
            writer.emit("metrics", step=n, images=n, values={}, padding=name * 20_000)
            writer.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = list(iter_events(path))
    assert len(records) == 600 and all(len(set(record["padding"])) == 1 for record in records)
