"""The launcher of Slurm: submits runs, and reads what has become of them."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.runs.directory import JobDir, RunDir, State
from engine.runs.events import EventWriter
from gentui.jobs import exit_reason
from gentui.jobs.job_types import job_type_of, last_error
from gentui.jobs.launchers.hosts import slurm_host_of
from gentui.jobs.launchers.hosts.slurm import SlurmHost
from gentui.jobs.launchers.protocol import Jobs, Look, Request
from gentui.jobs.launchers.slurm import clients
from gentui.jobs.launchers.slurm.clients import Job, SlurmError
from gentui.jobs.launchers.slurm.field import on_of, with_on
from gentui.jobs.launchers.slurm.submission import (
    DOUBTFUL,
    arguments,
    groups,
    label_of,
    new_on,
    part_of,
    submit,
)
from gentui.jobs.launchers.slurm.verdict import LIVES, Facts, is_hopeless, judge, pending_words
from gentui.jobs.signs_of_life import last_sign_of_life
from gentui.jobs.states import JobError, queued, update_state

FRESH, STALE = 5.0, 30.0
"""Seconds between two questions to Slurm: at least, and at most however slowly it answers."""
_SLOWNESS = 100  # times as long as an answer took, no other is asked for
_CANCEL_AGAIN = 30.0


@dataclass
class _Answer:
    """Slurm's queue at a moment: monotonic ``until`` when it will do, ``asked_at`` in unix seconds."""

    until: float
    asked_at: float
    jobs: dict[str, Job] = field(default_factory=dict)
    by_name: dict[str, list[Job]] = field(default_factory=dict)
    error: str = ""


class SlurmLauncher:
    """Runs as jobs of Slurm. Thread-safe; the queue is asked for once for all jobs, and not at every look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: _Answer | None = None
        self._silent_since: float | None = None
        self._cancelled: dict[str, float] = {}
        self._ended: dict[str, Job] = {}
        """Jobs that had ended when they were asked for one by one: nothing more becomes of them."""
        self._most_tasks = clients.MOST_TASKS

    def admit(self, request: Request) -> State:
        before = on_of(request.before) if request.before else {}
        host = slurm_host_of(request.home, before) if request.host is None and before else request.host
        devices, array = request.devices or int(before.get("devices") or 1), request.array
        if not isinstance(host, SlurmHost):
            raise JobError("it is not said where in Slurm it should run")
        if request.device is not None:
            raise JobError(
                f"--device is of this machine, and {host.name} is Slurm's: leave it out, or add --on local"
            )
        if array is None or not array.get("index"):  # once for all runs of a sweep
            self._try(host, devices, is_array=array is not None)
        state = queued(host.name, request.attempt)
        part = part_of(array, self._most_tasks) if array else None
        return state.with_(extra={**state.extra, "on": new_on(host, devices, part)})

    def _try(self, host: SlurmHost, devices: int, is_array: bool) -> None:
        """Ask Slurm whether it would take a job like that. Raises JobError."""
        try:
            if not clients.is_here():
                raise SlurmError("there is no Slurm on this machine: sbatch is not on the PATH")
            if not clients.answers():
                raise SlurmError("Slurm's controller does not answer: `scontrol ping` says more")
            clients.ask("sbatch", "--test-only", *arguments(host, devices), "--wrap=true")
            if is_array:
                self._most_tasks = clients.most_tasks()
        except SlurmError as error:
            raise JobError(f"{host.name} cannot take the run: {error}") from None

    def tend(self, home: Path, pending: Jobs) -> None:
        waiting = groups(pending)
        try:
            if waiting and self._asked(afresh=True).error == "":
                for members in waiting:
                    if not any(self._found(job, on_of(state)) for job, state in members):
                        submit(home, members)
                self.forget()
        except (SlurmError, OSError, ValueError):
            pass  # tried again at the next look; what is refused has failed by then
        for job, state in pending:
            with suppress(OSError, ValueError):
                self._tell_of_stop(job, state)
                self._raise_alarm(job, state)

    def look(self, jobs: Jobs) -> dict[str, Look]:
        answer = self._asked()
        return {job.id: self._look(job, state, answer) for job, state in jobs}

    def stop(self, job: JobDir, state: State) -> bool:
        on = on_of(state)
        number = on.get("job")
        if number is None:
            number = getattr(self._found(job, on), "id", None)
        if number is None:  # it was never submitted, or the process that does it has not come to its end
            began = on.get("submitting")
            return began is None or (not self._asked().error and time.time() - began > DOUBTFUL)
        try:
            if not clients.answers():
                return False
            # The trainer alone is told, and leaves by itself: Slurm would kill it after KillWait, saved or not.
            # On several nodes those are the tasks of srun: all ranks, of which only the first obeys.
            trainer = [] if on.get("nodes") else ["--batch"]
            how = [*trainer, "--signal=TERM"] if state.status == "running" else []
            clients.ask("scancel", *how, str(number))
        except SlurmError as error:
            return "invalid job id" in str(error).lower() or "already completing" in str(error).lower()
        finally:
            self.forget()
        return True

    def wake(self, home: Path, state: State) -> bool:
        return False

    def kill(self, home: Path, job: JobDir, state: State) -> bool:
        asked, number = state.stop_requested_at, on_of(state).get("job")
        if asked is None or number is None or time.time() < asked + exit_reason.grace_of(state):
            return False
        now = time.monotonic()
        if now - self._cancelled.get(str(number), -_CANCEL_AGAIN) < _CANCEL_AGAIN or not clients.answers():
            return False
        self._cancelled[str(number)] = now
        try:
            clients.ask("scancel", str(number))
        except SlurmError:
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """Ask Slurm again at the next look."""
        with self._lock:
            self._answer = None

    def queue(self) -> list[Job]:
        """The jobs of gentui that Slurm knows. Raises SlurmError if it does not answer."""
        answer = self._asked()
        if answer.error:
            raise SlurmError(answer.error)
        return list(answer.jobs.values())

    # -- asking ----------------------------------------------------------------------------------------

    def _asked(self, afresh: bool = False) -> _Answer:
        with self._lock:
            now = time.monotonic()
            if self._answer is None or afresh or now >= self._answer.until:
                self._answer = self._ask()
                took = time.monotonic() - now
                self._answer.until = now + took + min(STALE, max(FRESH, _SLOWNESS * took))
            return self._answer

    def _ask(self) -> _Answer:
        answer = _Answer(0.0, time.time())
        try:
            if not clients.is_here():
                answer.error = "there is no Slurm on this machine"
                return answer
            if not clients.answers():
                raise SlurmError("its controller is down")
            for job in clients.queue():
                answer.jobs[job.id] = job
                answer.by_name.setdefault(job.name, []).append(job)
        except SlurmError:
            self._silent_since = self._silent_since or answer.asked_at
            at = time.strftime("%H:%M", time.localtime(self._silent_since))
            answer.error = f"Slurm does not answer since {at}"
        else:
            self._silent_since = None
        return answer

    def _found(self, job: JobDir, on: dict) -> Job | None:
        """The job in Slurm's last answer, by its number and name, or by its name alone if no number was written."""
        answer, label, number = self._asked(), label_of(job, on), on.get("job")
        if number is not None:
            found = answer.jobs.get(str(number))
            return found if found is not None and found.name == label else None
        index = on.get("index")
        named = [
            one
            for one in answer.by_name.get(label, [])
            if one.reason != "BadConstraints"  # what Slurm refuses it keeps as a failed job of that name
            and (index is None or one.id.endswith(f"_{index}"))
        ]
        return max(named, key=lambda one: one.submitted or 0.0) if named else None

    def _described(self, number: str, label: str) -> Job | None:
        """A job of this name that squeue has forgotten or that has ended, with its exit code. Raises SlurmError."""
        if (known := self._ended.get(label + number)) is not None:
            return known
        found = clients.describe(number)
        if found is None or found.name != label:
            return None
        if found.state not in LIVES:
            self._ended[label + number] = found
        return found

    # -- looking ---------------------------------------------------------------------------------------

    def _look(self, job: JobDir, state: State, answer: _Answer) -> Look:
        if answer.error:
            return Look(None, state, standing=answer.error)
        on = on_of(state)
        found = self._found(job, on)
        if found is None and on.get("job") is None:
            return Look(True, state, standing="about to be handed to Slurm")
        if (
            on.get("job") is None and found is not None
        ):  # whoever submitted it died before the number was written
            state = with_on(state, job=found.id, submitted_at=time.time())
        if found is None or found.state not in LIVES:
            if (on.get("submitted_at") or 0.0) >= answer.asked_at - 1.0:
                return Look(True, state)  # Slurm was asked before it had the job
            try:
                found = self._described(str(on_of(state).get("job")), label_of(job, on)) or found
            except SlurmError:
                return Look(None, state, standing="Slurm does not answer")
        return judge(found, state, _facts(job, state, found is None or found.state not in LIVES))

    # -- acting ----------------------------------------------------------------------------------------

    def _tell_of_stop(self, job: JobDir, state: State) -> None:
        """Carry out a stop that was asked for while Slurm did not answer."""
        if state.stop_requested_at is None or "terminated_at" in state.extra or not self.stop(job, state):
            return
        now = time.time()

        def mark_stopped(held: State) -> State | None:
            if held != state:
                return None
            if held.status == "queued":
                return held.with_(status="stopped", reason="stopped while queued", ended_at=now)
            return held.with_(extra={**held.extra, "terminated_at": now})

        update_state(job, mark_stopped)

    def _raise_alarm(self, job: JobDir, state: State) -> None:
        """Say once, as an alarm of the run, that Slurm will never begin it as it was asked for."""
        if state.status != "queued" or not isinstance(job, RunDir):
            return
        found = self._found(job, on_of(state))
        if found is None or not is_hopeless(found) or on_of(state).get("alarm"):
            return
        if update_state(job, lambda held: with_on(held, alarm=found.reason) if held == state else None) is None:
            return
        writer = EventWriter(job.events_path(state.attempt))
        writer.emit(
            "alert", step=0, images=0, severity="warning", name="slurm", sentence=f"{pending_words(found)}.",
            cause="what was asked for is not to be had there", remedy="stop the run, and ask for something else",
            began=0,
        )  # fmt: skip
        writer.close()


def _facts(job: JobDir, state: State, has_ended: bool) -> Facts:
    kind = job_type_of(job)
    if isinstance(job, RunDir):
        try:
            attempt = max((number for number, _ in job.events_files()), default=0)
        except OSError:
            attempt = state.attempt
    else:
        attempt = max(1, state.attempt)
    newest = state.with_(attempt=max(attempt, state.attempt), started_at=None)
    written = last_sign_of_life(job, newest, afresh=True)
    if not has_ended:
        return Facts(attempt, written=written)
    word = kind.reported_outcome(job, newest.attempt) if newest.attempt else {}
    messages = {code: message for code in (2, 3, 4, 5) if (message := kind.exit_message(job, code))}
    return Facts(attempt, word, written, last_error(job), messages, kind.process_name, kind.after_kill_hint)
