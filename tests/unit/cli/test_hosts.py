"""``gentui hosts`` and ``--on``: what people type and see. Slurm's commands are scripts that print what is told."""

from __future__ import annotations

import json
import time

import pytest

from engine.runs.directory import RunDir, State, list_runs
from gentui import jobs
from gentui.jobs import launchers
from gentui.jobs.job_types import EvaluationDir
from gentui.jobs.launchers.local.slot_queues import queue_by_slot
from gentui.jobs.launchers.slurm import launcher as module
from gentui.jobs.launchers.slurm.clients import Job
from gentui.jobs.launchers.slurm.field import with_on
from gentui.jobs.launchers.slurm.launcher import _facts as launcher_facts
from gentui.jobs.launchers.slurm.submission import script
from gentui.jobs.launchers.slurm.verdict import judge
from gentui.tui.screens.machine import rows_of
from tests.support.fake_slurm import FakeSlurm
from tests.support.scenes import MACHINE

HOSTS = """
[gpu]
launcher = "slurm"
partition = "gpu"
gres = "gpu:{devices}"
time = "8h"
setup = ["module load cuda"]
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> FakeSlurm:
    monkeypatch.setattr(module, "FRESH", 0.0)
    monkeypatch.setattr(module, "_SLOWNESS", 0.0)
    launchers._launcher.cache_clear()
    slurm = FakeSlurm(tmp_path / "slurm", monkeypatch)
    slurm.answer("sbatch", "83\n")
    return slurm


@pytest.fixture
def on_gpu(home, invoke, slurm) -> RunDir:
    """A run that has been handed to Slurm as job 83."""
    (home / "hosts.toml").write_text(HOSTS)
    done = invoke("run", "digits-unet", "--on", "gpu", "--name", "mine")
    assert done.exit_code == 0, done.output
    (run,) = list_runs(home)
    return run


def line_of(run: RunDir, state: str, reason: str = "None", node: str = "") -> str:
    name = f"gentui-{run.id}.{run.read_state().extra['on']['token']}"
    return f"83|83|{state}|{name}|{node}|1796001978|1999999999|N/A|8:00:00|{reason}\n"


def test_a_run_is_handed_over_with_the_options_of_its_host(home, slurm, on_gpu):
    (tried, handed) = [call for call in slurm.calls if call.startswith("sbatch")]
    assert "--test-only" in tried and "--partition=gpu --gres=gpu:1 --time=8:00:00" in tried
    assert "--signal=B:TERM@120 --partition=gpu --gres=gpu:1 --time=8:00:00" in handed
    assert f"--output={on_gpu.log_path}" in handed and "--requeue" in handed
    state = on_gpu.read_state()
    assert (state.status, state.slot, state.extra["on"]["job"]) == ("queued", "gpu", "83")


def test_where_it_waits_and_runs_is_shown(home, invoke, slurm, on_gpu):
    slurm.answer("squeue", line_of(on_gpu, "PENDING", "Priority"))
    shown = invoke("runs").stdout
    assert "queued" in shown and "Slurm: Priority, others are before it" in shown
    slurm.answer("squeue", line_of(on_gpu, "RUNNING", node="node7"))
    jobs.reconcile(home)
    shown = json.loads(invoke("show", "latest", "--json").stdout)
    assert (shown["status"], shown["where"], shown["reason"]) == ("running", "gpu node7", "starting on node7")
    assert "where   gpu node7" in invoke("show", "latest").stdout
    assert "gpu node7" in invoke("export", "-f", "csv", "-o", "-").stdout
    assert invoke("runs", "--where", "device:node7").exit_code in (0, 2)
    queues = queue_by_slot(home)
    assert [(job.id, job.place, job.where) for job in queues["gpu"]] == [(on_gpu.id, 0, "node7")]
    rows = rows_of(MACHINE.__class__(**{**vars(MACHINE), "queues": queues}), {})
    assert any("on node7" in str(row.cells) for row in rows)


def test_hosts_partitions_and_queue_are_listed(home, invoke, slurm, on_gpu):
    slurm.answer("sinfo", "gpu|12|7/5|gpu:a100:4(S:0-1)|2-00:00:00\nbig|2|2/0|(null)|infinite\n")
    slurm.answer("squeue", line_of(on_gpu, "PENDING", "Resources"))
    listed = invoke("hosts")
    assert listed.exit_code == 0, listed.output
    assert "gpu    Slurm         --partition=gpu --gres=gpu:1 --time=8:00:00" in listed.stdout
    assert "gpu:a100:4" in listed.stdout and "2-00:00:00" in listed.stdout and on_gpu.id in listed.stdout
    told = json.loads(invoke("hosts", "--json").stdout)
    assert told["hosts"][0]["setup"] == ["module load cuda"]
    assert told["slurm"]["partitions"][0] == {
        "name": "gpu", "nodes": 12, "idle": 5, "gpus": "gpu:a100:4", "limit": "2-00:00:00", "waiting": 0,
    }  # fmt: skip
    assert told["slurm"]["jobs"][0]["run"] == on_gpu.id


def test_a_host_is_checked(home, invoke, slurm):
    (home / "hosts.toml").write_text(HOSTS)
    checked = invoke("hosts", "check", "gpu")
    assert checked.exit_code == 0 and "controller  it answers" in checked.stdout, checked.output
    slurm.refuse("sbatch", "sbatch: error: invalid partition specified: gpu\n")
    checked = invoke("hosts", "check", "gpu", "--json")
    assert checked.exit_code == 4
    (options,) = [check for check in json.loads(checked.stdout)["checks"] if check["name"] == "options"]
    assert not options["ok"] and options["detail"].endswith("invalid partition specified: gpu")


def test_without_slurm_hosts_lists_this_machine(invoke, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    listed = invoke("hosts")
    assert (
        listed.exit_code == 0
        and "this machine" in listed.stdout
        and "hosts.toml would name more" in listed.stderr
    )
    assert invoke("hosts", "check", "slurm:partition=gpu").exit_code == 4


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--on", "moon"], 4, "there is no host 'moon'"),
        (["--on", "slurm:partitoin=gpu"], 4, "did you mean partition?"),
        (["--on", "slurm:partition=gpu", "--device", "cuda:0"], 4, "--device is of this machine"),
        (["--at-once", "2"], 2, "--at-once needs --on"),
        (["--on", "slurm:partition=gpu"], 4, "invalid partition specified: gpu"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_queued(home, invoke, slurm, arguments, code, says):
    slurm.refuse("sbatch", "sbatch: error: invalid partition specified: gpu\n")
    done = invoke("run", "digits-unet", *arguments)
    assert done.exit_code == code and says in done.stderr, done.output
    assert list_runs(home) == []


def test_a_sweep_is_one_array(home, invoke, slurm):
    done = invoke("run", "digits-unet", "--sweep", "seed=0..3", "--on", "slurm:partition=gpu", "--at-once", "2")
    assert done.exit_code == 0, done.output
    tries = [call for call in slurm.calls if call.startswith("sbatch")]
    assert len(tries) == 2 and "--array=0,1,2,3%2" in tries[1]
    assert [run.read_state().extra["on"]["job"] for run in list_runs(home)] == [f"83_{n}" for n in range(4)]


def test_resume_goes_where_it_was_and_on_local_comes_back(home, invoke, slurm, on_gpu, monkeypatch):
    monkeypatch.setattr("gentui.jobs.launching.ensure_workers", lambda *given: None)
    on_gpu.write_state(on_gpu.read_state().with_(status="interrupted", ended_at=1.0))
    assert invoke("resume", "latest").exit_code == 0
    assert on_gpu.read_state().extra["on"]["name"] == "gpu" and on_gpu.read_state().extra["on"]["job"] is None
    on_gpu.write_state(on_gpu.read_state().with_(status="interrupted", ended_at=1.0))
    assert invoke("resume", "latest", "--on", "local").exit_code == 0
    assert "on" not in on_gpu.read_state().extra and on_gpu.read_state().slot is None
    moved = invoke("queue", "latest", "--first")
    assert moved.exit_code == 0, moved.output


def test_a_queued_run_is_cancelled_before_it_is_removed(home, invoke, slurm, on_gpu):
    slurm.answer("squeue", line_of(on_gpu, "PENDING", "Priority"))
    assert "another queue" in invoke("queue", "latest", "--first").stderr
    assert invoke("rm", "latest").exit_code == 0
    assert "scancel 83" in slurm.calls and list_runs(home) == []


@pytest.mark.parametrize(("seconds", "status"), [(0, "queued"), (100, "stopped")])
def test_one_whose_submission_broke_off_is_stopped_once_slurm_would_know_it(
    home, slurm, on_gpu, seconds, status
):
    state = on_gpu.read_state()
    on_gpu.write_state(with_on(state, job=None, submitting=time.time() - seconds))
    jobs.stop(home, on_gpu.id)
    jobs.reconcile_and_spawn(home)
    assert on_gpu.read_state().status == status and on_gpu.read_state().stop_requested_at is not None
    slurm.answer("squeue", line_of(on_gpu, "PENDING", "Priority"))  # it was under way
    jobs.reconcile_and_spawn(home)
    assert on_gpu.read_state().status == "stopped"
    assert ("scancel 83" in slurm.calls) == (not seconds)


@pytest.fixture
def scored(home, invoke, slurm, on_gpu) -> EvaluationDir:
    """An evaluation of a run that is done, handed to Slurm as job 84."""
    on_gpu.write_state(on_gpu.read_state().with_(status="done", ended_at=1.0))
    (on_gpu.checkpoints / "last").mkdir()
    slurm.answer("sbatch", "84\n")
    done = invoke("evaluate", "latest", "--samples", "7", "--on", "gpu", "--no-wait")
    assert done.exit_code == 0, done.output
    return EvaluationDir(home / "evaluations" / done.stdout.strip())


def line_of_evaluation(job: EvaluationDir, state: str) -> str:
    name = f"gentui-{job.id}.{job.read_state().extra['on']['token']}"
    return f"84|84|{state}|{name}|node7|1796001978|1999999999|N/A|8:00:00|None\n"


def test_an_evaluation_is_handed_over_and_its_scores_are_its_word(home, slurm, scored):
    handed = [call for call in slurm.calls if call.startswith("sbatch")][-1]
    assert "--partition=gpu --gres=gpu:1" in handed and f"--output={scored.log_path}" in handed
    assert "--signal" not in handed, "nothing of it is saved before a limit"
    text = script(home, [(scored, scored.read_state())])
    assert f"--samples=7 --device=auto --scores={scored.scores_path}" in text and "--on slurm" not in text
    slurm.answer("squeue", line_of_evaluation(scored, "PENDING"))
    (pending,) = jobs.pending(home)
    assert pending.standing == "waiting: Slurm: queued"
    slurm.answer("squeue", line_of_evaluation(scored, "RUNNING"))
    jobs.reconcile(home)
    assert (scored.read_state().status, scored.read_state().slot) == ("running", "gpu node7")
    scored.scores_path.write_text("[]")
    scored.write_state(with_on(scored.read_state(), submitted_at=1.0))
    slurm.answer("squeue", line_of_evaluation(scored, "COMPLETED"))
    jobs.reconcile(home)
    assert scored.read_state().status == "done"


def test_an_evaluation_that_slurm_lost_or_that_failed_is_called_one(home, slurm, scored):
    slurm.answer("squeue", "")
    scored.write_state(with_on(scored.read_state(), submitted_at=1.0))
    jobs.reconcile(home)
    assert scored.read_state().reason == (
        "Slurm does not know job 84 any more, and the evaluation did not report how it ended"
    )
    state = State("running", queued_at=1.0, extra={"on": {"launcher": "slurm", "job": "84"}})
    facts = launcher_facts(scored, state, True)
    assert (facts.process, facts.hint) == ("evaluation", "it can be resumed, and then starts over")
    failed = judge(Job("84", "x", "FAILED", code=1), state, facts).state
    assert failed.reason == "the evaluation exited without reporting anything (exit code 1)"


def test_a_run_that_trains_elsewhere_is_not_scored_by_another_machine(home, invoke, slurm, on_gpu):
    (on_gpu.checkpoints / "last").mkdir()
    slurm.answer("squeue", line_of(on_gpu, "RUNNING", node="node7"))
    jobs.reconcile(home)
    refused = invoke("evaluate", "latest", "--on", "gpu", "--no-wait")
    assert refused.exit_code == 4 and "two machines must not append to one log" in refused.stderr
    assert invoke("evaluate", "latest", "--on", "gpu", "--now").exit_code == 2
    assert not list(home.glob("evaluations/*"))
