"""Runs as jobs of a real Slurm: begun, stopped, queued again, preempted, ended by limits, on lost nodes.

Most trainers are fake, and what they do under Slurm is what the real one does, by the same functions; one is real.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.recipes.recipe import Recipe, load
from engine.runs.directory import RunDir, list_runs
from engine.runs.events import iter_events
from engine.training import checkpoint
from gentui import jobs
from gentui.jobs import launchers
from gentui.jobs.launchers.slurm import crowd, submission
from gentui.jobs.launchers.slurm import launcher as module
from gentui.jobs.launchers.slurm.field import with_on
from gentui.jobs.launchers.slurm.submission import label_of
from gentui.jobs.states import update_state
from tests.support.jobs import last_step, look, processes, trainers
from tests.support.slurm import MOST_TASKS, Cluster, bounds_memory, lacking
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.skipif(bool(lacking()), reason=lacking()), pytest.mark.timeout(300)]

Launch = Callable[..., RunDir]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(autouse=True)
def slurm(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Slurm as every test finds it: up, idle, and asked as often as tests look."""
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    monkeypatch.setattr(module, "FRESH", 0.0)
    monkeypatch.setattr(module, "_SLOWNESS", 0.0)
    launchers._launcher.cache_clear()
    yield
    cluster.call("scancel", "--user=root")
    cluster.wait_until_idle()


@pytest.fixture
def submit(home: Path) -> Launch:
    """Launch a run of the fake trainer, which behaves as the keywords say, on a place in Slurm."""

    def submit(on: str = "slurm:partition=main,time=10m", array: dict | None = None, **plan: object) -> RunDir:
        chosen = load("digits-unet").model_copy(update={"summary": json.dumps(plan)})
        return jobs.launch(home, chosen, on=on, array=array, command=["gentui", "run"])

    return submit


def endless() -> Recipe:
    """A small net that trains until it is stopped."""
    small = {"model.channels": 8, "model.multipliers": [1, 1], "train.steps": 100_000, "evaluate.times": 0}
    return load("digits-unet").with_values({**small, "train.precision": "fp32"})


def job_of(run: RunDir) -> str:
    return run.read_state().extra["on"].get("job")


def becomes(run: RunDir, *statuses: str, seconds: float = 90) -> str:
    """Look at the run until it has one of these statuses; its reason."""

    def there() -> tuple[str, str] | None:
        status, reason = look(run)
        assert status in statuses or status in ("queued", "running", "stalled"), (status, reason)
        return (status, reason) if status in statuses else None

    return wait_for(there, f"{run.id} to be {statuses}, it is {look(run)}", seconds, 0.1)[1]


def begun(run: RunDir, attempt: int = 1, step: int = 3) -> None:
    """Wait until this attempt of the run has come so far."""

    def there() -> bool:
        look(run)
        return run.read_state().attempt == attempt and last_step(run) >= step

    wait_for(there, f"attempt {attempt} of {run.id} to train, it is {run.read_state()}", 90, 0.1)


def test_a_run_is_done_where_and_when_slurm_says(cluster, submit):
    run = submit("slurm:partition=main,gres=gpu:1,cpus=2,time=10m", steps=40, pause=0.05)
    begun(run)
    state = run.read_state()
    assert state.slot in [f"slurm {node}" for node in cluster.nodes] and state.started_at is not None
    assert becomes(run, "done") == ""
    state = run.read_state()
    assert (state.attempt, state.exit_code, state.signal) == (1, 0, None)
    assert state.slot in [f"slurm {node}" for node in cluster.nodes]


def test_the_runs_of_a_sweep_are_one_array_of_which_so_many_run_at_once(home, cluster, submit):
    group = [{"group": "sweep-1", "index": n, "size": 4, "at_once": 2} for n in range(4)]
    runs = [submit(array=array, steps=40, pause=0.05) for array in group]
    number = job_of(runs[0]).partition("_")[0]
    assert [job_of(run) for run in runs] == [f"{number}_{n}" for n in range(4)]

    def are_done() -> bool:
        jobs.reconcile(home)
        return [run.read_state().status for run in runs] == ["done"] * 4

    wait_for(are_done, "the sweep to be done", 60, 0.05)
    trained = [[event["t"] for event in iter_events(run.events_path(1))] for run in runs]
    most = max(sum(other[0] <= times[0] <= other[-1] for other in trained) for times in trained)
    assert most == 2
    assert all("attempt 1 from step 0" in run.log_path.read_text() for run in runs)


def test_a_sweep_of_more_runs_than_an_array_takes_is_several_arrays(home, submit):
    count = MOST_TASKS + 2
    runs = [
        submit(array={"group": "sweep-0", "index": n, "size": count, "at_once": 4}, steps=3)
        for n in range(count)
    ]
    numbers = [job_of(run).partition("_") for run in runs]
    assert [int(task) for _, _, task in numbers] == [*range(MOST_TASKS), 0, 1]
    assert len({number for number, _, _ in numbers}) == 2

    def are_done() -> bool:
        jobs.reconcile(home)
        return [run.read_state().status for run in runs] == ["done"] * count

    wait_for(are_done, "the sweep to be done", 60, 0.1)


def test_an_evaluation_is_a_job_of_slurm_and_can_be_stopped(home, submit):
    run = submit(steps=3, scoring={"pause": 0.01})
    (run.checkpoints / "last").mkdir()
    becomes(run, "done")
    place = "slurm:partition=main,time=10m"
    job = jobs.evaluate(home, run.id, {"samples": 3}, on=place)

    def has_ended() -> bool:
        jobs.reconcile(home)
        return job.read_state().ended

    wait_for(has_ended, "the scores", interval=0.1)
    assert job.read_state().status == "done" and job.scores()[0]["value"] == 12.5, job.read_state()
    job = jobs.evaluate(home, run.id, {"samples": 100_000}, on=place)
    wait_for(lambda: jobs.reconcile(home) and job.read_state().status == "running", "it to begin", interval=0.1)
    jobs.stop(home, job.id)
    wait_for(has_ended, "its end", interval=0.1)
    assert job.read_state().status == "stopped"
    assert job.read_state().reason.endswith("it can be resumed, and then starts over")


def test_a_queued_run_is_stopped_at_once_and_never_begins(home, cluster, submit, monkeypatch):
    blocking = submit(f"slurm:partition=main,nodelist={cluster.nodes[0]},cpus=4", steps=10_000)
    begun(blocking)
    run = submit(f"slurm:partition=main,nodelist={cluster.nodes[0]},cpus=4", steps=5)
    wait_for(lambda: look(run)[1].startswith("Slurm: Resources"), "the reason why it waits")
    monkeypatch.setattr(crowd, "_answer", (0.0, ()))
    (main,) = crowd.crowds()
    assert (main.name, main.running, main.waiting, main.users) == ("main", 1, 1, 1)
    assert (main.mine_running, main.mine_waiting) == (1, 1) and time.time() - 300 < (
        main.first or 0
    ) <= time.time()
    jobs.stop(home, run.id)
    assert (run.read_state().status, run.read_state().reason) == ("stopped", "stopped while queued")
    assert cluster.state_of(job_of(run)) in ("CANCELLED", "")
    jobs.stop(home, blocking.id, wait=True)
    assert not run.events_path(1).exists()


def test_a_running_run_saves_when_it_is_stopped_and_goes_on_when_it_is_resumed(home, submit):
    run = submit(steps=80, pause=0.05)
    begun(run)
    jobs.stop(home, run.id, wait=True)
    assert run.read_state().status == "stopped"
    step = last_step(run)
    jobs.resume(home, run.id)
    begun(run, 2, step + 1)
    assert f"attempt 2 from step {step}" in run.log_path.read_text()
    jobs.stop(home, run.id, wait=True)


def test_one_that_does_not_listen_is_killed_after_its_grace(home, submit):
    run = submit(steps=10_000, deaf=True)
    begun(run)
    jobs.stop(home, run.id, grace=0.5, wait=True)
    assert run.read_state().status == "stopped" and not trainers(home)


def test_what_slurm_queues_again_goes_on(cluster, submit):
    run = submit(steps=200, pause=0.03)
    begun(run)
    cluster.call("scontrol", "requeue", job_of(run))
    reason = becomes(run, "queued")
    assert reason.startswith("Slurm: BeginTime, it begins at ")
    cluster.at_once(job_of(run))
    begun(run, 2)
    assert becomes(run, "done") == "" and run.read_state().attempt == 2


def test_a_trainer_that_is_warned_queues_itself_again(cluster, submit):
    run = submit(steps=200, pause=0.03)
    begun(run)
    cluster.call("scancel", "--batch", "--signal=TERM", job_of(run))
    assert becomes(run, "queued").startswith("Slurm: BeginTime")
    assert f"Slurm begins job {job_of(run)} again" in run.log_path.read_text()
    cluster.at_once(job_of(run))
    begun(run, 2)
    assert becomes(run, "done") == ""


def test_a_task_of_an_array_queues_only_itself_again(home, cluster, submit):
    """The last task of an array has the array's own number."""
    group = [{"group": "sweep-2", "index": n, "size": 2, "at_once": None} for n in range(2)]
    runs = [submit(array=array, steps=100, pause=0.05) for array in group]
    for run in runs:
        begun(run)
    cluster.call("scancel", "--batch", "--signal=TERM", job_of(runs[1]))
    assert becomes(runs[1], "queued").startswith("Slurm: BeginTime")
    assert look(runs[0])[0] == "running"
    cluster.at_once(job_of(runs[1]))
    assert [becomes(run, "done") for run in runs] == ["", ""]
    assert [run.read_state().attempt for run in runs] == [1, 2]


@pytest.mark.parametrize("partition", ["main", "hasty"])
def test_a_preempted_run_waits_and_goes_on(cluster, submit, partition):
    run = submit(
        f"slurm:partition={partition},nodelist={cluster.nodes[1]},cpus=4,time=10m", steps=150, pause=0.04
    )
    begun(run)
    first = submit(f"slurm:partition=urgent,nodelist={cluster.nodes[1]},cpus=4,time=10m", steps=20)
    becomes(run, "queued")
    assert becomes(first, "done") == ""
    cluster.at_once(job_of(run))
    begun(run, 2)
    assert run.log_path.read_text().count("from step 0") == 1  # it had saved, with grace and without
    assert becomes(run, "done") == ""


def test_a_cancelled_run_was_cancelled_outside_gentui(cluster, submit):
    run = submit(steps=10_000)
    begun(run)
    cluster.call("scancel", job_of(run))
    assert becomes(run, "interrupted").startswith("cancelled outside gentui; checkpoint at step ")


@pytest.mark.skipif(not bounds_memory(), reason="Slurm 22 bounds memory by cgroup v1 only")
def test_a_run_that_needs_more_memory_than_it_asked_for_has_failed(submit):
    run = submit("slurm:partition=main,mem=200,time=10m", steps=10_000, eat=10 << 20)
    assert becomes(run, "failed") == "the job's memory (mem=200) ran out"


def test_a_dead_controller_changes_nothing(home, cluster, submit):
    run, waiting = (
        submit(steps=10_000),
        submit(f"slurm:partition=main,nodelist={cluster.nodes[0]},cpus=4", steps=5),
    )
    begun(run)
    before = [each.state_path.read_bytes() for each in (run, waiting)]
    time.sleep(11)  # a controller writes its jobs down every ten seconds
    cluster.kill_controller()
    try:
        for each in (run, waiting):
            assert "Slurm does not answer since " in look(each)[1]
            assert jobs.settled(each) == each.read_state()
        assert [each.state_path.read_bytes() for each in (run, waiting)] == before
        jobs.stop(home, run.id)
        assert run.read_state().status == "running" and "terminated_at" not in run.read_state().extra
        with pytest.raises(jobs.JobError, match="does not answer"):
            submit()
    finally:
        cluster.start_controller()
    becomes(run, "stopped")
    wait_for(lambda: not trainers(home), "the trainer to leave after its last word")


@pytest.mark.parametrize("was_submitted", [True, False])
def test_a_crash_between_submission_and_number_is_mended(home, cluster, submit, monkeypatch, was_submitted):
    class Crash(BaseException):
        pass

    def crash(*given: object) -> str:
        if was_submitted:
            sbatch(*given)
        raise Crash

    sbatch = submission._sbatch
    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(submission, "_sbatch", crash)
        submit(steps=60, pause=0.05)
    (run,) = list_runs(home)
    assert job_of(run) is None
    if not was_submitted:
        look(run)
        assert job_of(run) is None, "it may be under way still"
        update_state(run, lambda state: with_on(state, submitting=time.time() - 100))
    assert becomes(run, "done") == "" and run.read_state().attempt == 1
    names = cluster.call("squeue", "-h", "-t", "all", "-o", "%j").split()
    assert names.count(label_of(run, run.read_state().extra["on"])) == 1


@pytest.mark.parametrize(
    ("on", "why"),
    [
        ("slurm:partition=nowhere", "nvalid partition"),
        ("slurm:partition=main,gres=gpu:99", "not available"),
        ("slurm:partition=main,gres=tpu:1", "nvalid generic resource"),
        ("slurm:partition=main,mem=900G", "not available"),
        ("slurm:partition=main,cpus=99", "not available"),
    ],
)
def test_what_slurm_refuses_is_refused_at_once(home, cluster, submit, on, why):
    with pytest.raises(jobs.JobError, match=why):
        submit(on)
    assert not list(home.glob("runs/*")) and cluster.call("squeue", "-h", "--me") == ""


def test_what_can_never_begin_is_an_alarm(submit):
    run = submit("slurm:partition=main,time=3-0", steps=5)
    wait_for(lambda: "will not begin it" in look(run)[1], "the reason")
    assert look(run)[0] == "queued" and look(run)[1].startswith("Slurm will not begin it: Partition")
    (alarm,) = [event for event in iter_events(run.events_path(0)) if event["kind"] == "alert"]
    assert alarm["name"] == "slurm" and "Slurm will not begin it: Partition" in alarm["sentence"]


def test_a_folder_that_is_not_there_is_said_so(cluster, submit, home):
    blocking = submit(f"slurm:partition=main,nodelist={cluster.nodes[0]},cpus=4", steps=10_000)
    begun(blocking)
    run = submit(f"slurm:partition=main,nodelist={cluster.nodes[0]},cpus=4", steps=5)
    away = run.path.rename(home / "away")
    jobs.stop(home, blocking.id, wait=True)
    wait_for(
        lambda: (
            cluster.state_of(json.loads((away / "state.json").read_text())["extra"]["on"]["job"]) == "FAILED"
        )
    )
    away.rename(run.path)
    assert becomes(run, "failed") == f"its log or folder cannot be reached on {cluster.nodes[0]}"


def test_the_real_trainer_goes_on_after_slurm_has_queued_it_again(home, cluster, monkeypatch):
    monkeypatch.delenv("GENTUI_TRAINER")
    run = jobs.launch(home, endless(), on="slurm:mem=4000")
    begun(run)
    cluster.call("scancel", "--batch", "--signal=TERM", job_of(run))
    becomes(run, "queued")
    saved = checkpoint.step_of(run)
    cluster.at_once(job_of(run))
    begun(run, 2, saved + 1)
    jobs.stop(home, run.id, grace=60, wait=True)
    assert "checkpoint saved" in run.read_state().reason and checkpoint.step_of(run) > saved


def test_a_run_on_two_nodes_is_stopped_and_goes_on(home, cluster, monkeypatch):
    monkeypatch.delenv("GENTUI_TRAINER")
    recipe = endless()
    run = jobs.launch(home, recipe, on="slurm:partition=main,nodes=2,time=10m", devices=2)
    begun(run)
    assert cluster.call("squeue", "-h", "-j", job_of(run), "-o", "%D %C").split()[0] == "2"
    pids = processes("engine", str(run.path))
    ranks = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in pids]
    told = {tuple(sorted(v for v in rank if v.startswith((b"RANK=", b"SLURMD_NODENAME=")))) for rank in ranks}
    assert {
        (b"RANK=%d" % n, b"SLURMD_NODENAME=" + node.encode()) for n, node in enumerate(cluster.nodes)
    } <= told
    jobs.stop(home, run.id, grace=60, wait=True)
    saved = checkpoint.step_of(run)
    assert "checkpoint saved" in run.read_state().reason and saved > 0
    wait_for(lambda: not processes("engine", str(run.path)), "all ranks to end")
    jobs.resume(home, run.id)
    begun(run, 2, saved + 1)
    cluster.call("scancel", "--signal=TERM", job_of(run))  # as before a time limit: it queues itself again
    becomes(run, "queued")
    cluster.at_once(job_of(run))
    begun(run, 3, checkpoint.step_of(run) + 1)
    jobs.stop(home, run.id, grace=60, wait=True)
    assert "checkpoint saved" in run.read_state().reason


def test_a_preempted_run_on_two_nodes_has_saved_and_goes_on(home, cluster, monkeypatch):
    monkeypatch.delenv("GENTUI_TRAINER")
    recipe = endless()
    run = jobs.launch(home, recipe, on="slurm:partition=main,nodes=2,cpus=4,time=10m", devices=2)
    begun(run)
    first = jobs.launch(
        home, recipe.with_values({"train.steps": 2}), on="slurm:partition=urgent,cpus=4,time=10m"
    )
    becomes(run, "queued")
    saved = checkpoint.step_of(run)
    assert saved > 0
    assert becomes(first, "done") == ""
    cluster.at_once(job_of(run))
    begun(run, 2, saved + 1)
    jobs.stop(home, run.id, grace=60, wait=True)
    assert "checkpoint saved" in run.read_state().reason


def test_trainers_on_a_lost_node_leave_when_others_have_taken_their_runs(home, cluster, monkeypatch):
    """The node's daemon is gone, its processes live on. One run's lock is lost with it, the other's is still held.

    While it lasts until Slurm gives the node up, they stand still, which spares the processors.
    """
    monkeypatch.delenv("GENTUI_TRAINER")
    recipe = endless()
    node = cluster.nodes[0]
    group = [{"group": "sweep-3", "index": n, "size": 2, "at_once": None} for n in range(2)]
    runs = [jobs.launch(home, recipe, on="slurm:mem=2000", array=array) for array in group]
    for run in runs:
        begun(run)
        assert run.read_state().slot.split()[-1] == node
    first = [json.loads((run.path / "owner.json").read_text())["pid"] for run in runs]
    cluster.kill_node(node)
    try:
        for pid in first:
            os.kill(pid, signal.SIGSTOP)
        runs[0].lock_path.unlink()
        for run, pid in zip(runs, first, strict=True):
            wait_for(lambda run=run: cluster.state_of(job_of(run)) == "PENDING", "the node to be given up", 120)
            os.kill(pid, signal.SIGCONT)  # the first trainer lives on
            cluster.at_once(job_of(run))
        for run, pid in zip(runs, first, strict=True):
            said = "has taken the run over: this one leaves"
            wait_for(lambda run=run, said=said: said in run.log_path.read_text(), "the first to leave", 120)
            wait_for(lambda pid=pid: not Path(f"/proc/{pid}").exists(), "its process to end")
            begun(run, 2)
            jobs.stop(home, run.id, grace=60, wait=True)
            assert "checkpoint saved" in run.read_state().reason
    finally:
        cluster.start_node(node)


def test_a_time_limit_is_told_and_a_trainer_that_is_warned_of_it_goes_on(cluster, submit):
    deaf, polite = (
        submit("slurm:partition=main,time=1", steps=100_000, pause=0.2, deaf=deaf) for deaf in (True, False)
    )
    begun(deaf)
    begun(polite)
    assert becomes(polite, "queued", seconds=120).startswith("Slurm: BeginTime")
    assert "Slurm begins job" in polite.log_path.read_text()
    assert becomes(deaf, "interrupted", seconds=200) == "the time limit of 1:00 was reached"
