"""Words for endings that are hard to bring about with real processes."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from engine.runs.directory import RunDir, State, boot_id
from engine.runs.events import EventWriter
from gentui.jobs.exit_reason import Exit, ended, ended_unwatched

STATE = State(status="running", attempt=1, slot="cpu", pid=5, start_time=9, boot_id=boot_id())
STOPPING = STATE.with_(stop_requested_at=time.time() - 5, extra={"grace": 1.0})


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, "", {}, STATE)


def say(run: RunDir, *words: str, **fields: object) -> None:
    writer = EventWriter(run.events_path(1))
    for word in words:
        writer.emit("status", step=7, images=7, status=word, **fields)
    writer.close()


def test_out_of_memory_is_said_when_the_kernel_says_so(run):
    end = ended(run, STATE, Exit(signal=signal.SIGKILL, oom=True))
    assert (end.status, end.reason) == ("failed", "killed by signal 9 (the machine ran out of memory)")


def test_work_that_was_done_stays_done_whatever_happens_while_leaving(run):
    say(run, "started", "done", "phase")
    for exit in (Exit(code=0), Exit(code=139), Exit(signal=signal.SIGKILL), Exit(signal=signal.SIGSEGV)):
        end = ended(run, STATE, exit)
        assert (end.status, end.exit_code, end.signal) == ("done", exit.code, exit.signal)


def test_a_failure_told_before_a_crash_is_the_reason(run):
    say(run, "started", "failed", reason="non-finite loss for 20 steps")
    assert ended(run, STATE, Exit(signal=signal.SIGABRT)).reason == "non-finite loss for 20 steps"


@pytest.mark.parametrize(
    ("state", "exit", "status", "words"),
    [
        (STOPPING, Exit(signal=signal.SIGKILL), "stopped", "had not stopped within 1 s"),
        (STOPPING, Exit(signal=signal.SIGTERM), "stopped", "before training began"),
        (STOPPING, Exit(code=0), "stopped", "before training began"),
        (STATE, Exit(signal=signal.SIGTERM), "interrupted", "SIGTERM from outside"),
        (STATE, Exit(signal=signal.SIGHUP), "interrupted", "SIGHUP from outside"),
        (STATE, Exit(signal=signal.SIGBUS), "failed", "SIGBUS"),
        (STATE, Exit(signal=63), "failed", "killed by signal 63"),
        (STATE, Exit(code=1), "failed", "exit code 1"),
        (STATE, Exit(code=2), "failed", "refused the recipe"),
    ],
)
def test_an_exit_without_a_last_word(run, state, exit, status, words):
    end = ended(run, state, exit)
    assert end.status == status and words in end.reason and end.ended_at


@pytest.mark.parametrize(
    ("state", "words", "status"),
    [
        (STATE, ("started", "done"), "done"),
        (STATE, ("started", "stopped"), "interrupted"),
        (STOPPING, ("started", "stopped"), "stopped"),
        (STOPPING, ("started",), "stopped"),
        (STATE, ("started", "failed"), "failed"),
        (STATE, ("started",), "lost"),
        (STATE.with_(boot_id="another"), ("started",), "interrupted"),
        (STATE.with_(boot_id="another"), ("started", "done"), "done"),
        (STATE.with_(pid=None), (), "queued"),
        (STOPPING.with_(pid=None), (), "stopped"),
    ],
)
def test_an_end_nobody_saw_is_told_by_the_log_and_the_kernel(run, state, words, status):
    if words:
        say(run, *words)
    assert ended_unwatched(run, state).status == status
