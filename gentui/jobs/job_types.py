"""The two types of job in the queue: runs to train, and evaluations of runs.

Both are directories with a state, a lock and a log (``engine.runs.directory.JobDir``), so claiming, watching, stopping
and working out the exit reason are shared. This module holds what differs: where the directories are, which process
does the work, how that process reports its outcome, and the wording of messages.
"""

from __future__ import annotations

import json
import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from engine.runs.directory import JobDir, RunDir, is_run_id, job_ids
from engine.runs.events import last_event
from engine.runs.files import read_object, read_plain_file
from gentui.text.tail import CUT, Tail

EVALUATION_PREFIX = "eval-"
"""Prefix of an evaluation's id; the rest has the form of a run id."""
_ERROR_LINE = re.compile(
    r"^[\w.]*(?:Error|Exception|Interrupt|Exit)\b.*|^\S.*: error: .*|^failed: .+|^run \S+ cannot be .+"
)


THREADS = ("GENTUI_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
"""Variables that say how many threads a process computes with, see ``engine.devices``."""


OF_RANKS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables by which srun and torchrun tell a process that it is one of several. Those of the shell that queued a job,
or of the worker, say nothing of the job's process."""


def thread_variables() -> dict[str, str]:
    """Those of ``THREADS`` that are set."""
    return {name: os.environ[name] for name in THREADS if name in os.environ}


class EvaluationDir(JobDir):
    """``$GENTUI_HOME/evaluations/<id>``: one requested evaluation of a run's checkpoint.

    ``job.json`` holds the run's id and the options of ``engine.inference.evaluate``. ``scores.json`` appears when the
    evaluation is done; by then the scores are also in the run's event log.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__(path)
        self.job_path = self.path / "job.json"
        self.scores_path = self.path / "scores.json"

    def run(self) -> RunDir:
        """The run to evaluate. Raises OSError or ValueError if ``job.json`` cannot be read."""
        return RunDir(self.path.parent.parent / "runs" / self._job()[0])

    def options(self) -> dict[str, Any]:
        """The requested options of ``gentui evaluate``, by name. Raises OSError or ValueError."""
        return self._job()[1]

    def scores(self) -> list[dict[str, Any]]:
        """The scores, as ``gentui evaluate --json`` prints them. Raises OSError or ValueError."""
        try:
            scores = json.loads(read_plain_file(self.scores_path))
        except RecursionError:
            raise ValueError(f"{self.scores_path} is nested too deeply") from None
        if not isinstance(scores, list) or not all(isinstance(score, dict) for score in scores):
            raise ValueError(f"{self.scores_path} does not hold scores")
        return scores

    def _job(self) -> tuple[str, dict[str, Any]]:
        job = read_object(self.job_path)
        if is_run_id(str(job.get("run"))) and isinstance(job.get("options"), dict):
            return job["run"], job["options"]
        raise ValueError(f"{self.job_path} names no run to evaluate")


class JobType(ABC):
    """One type of job. ``noun`` and ``process_name`` are the words for it, and for its process, in messages."""

    folder: ClassVar[str]
    noun: ClassVar[str]
    process_name: ClassVar[str]
    stopped_too_early: ClassVar[str]
    """Reason given when the job was stopped before it had produced anything."""
    after_kill_hint: ClassVar[str]
    """What can be done with a job that had to be killed."""
    hook: ClassVar[str]
    """Environment variable with a JSON list that replaces the start of ``argv``; for tests only."""
    module: ClassVar[str]
    description: ClassVar[str]
    """Name of the file that describes the job."""

    @abstractmethod
    def open(self, path: str | os.PathLike[str]) -> JobDir: ...

    @abstractmethod
    def is_id(self, text: str) -> bool: ...

    @abstractmethod
    def arguments(self, job: Any, attempt: int, device: str, devices: int = 1) -> list[str]:
        """Arguments of the process, which works on so many devices. Raises OSError or ValueError if the job's files
        cannot be read."""

    @abstractmethod
    def reported_outcome(self, job: Any, attempt: int) -> dict[str, Any]:
        """How the process itself reported its end (``status``, ``reason``, ``step``); empty if it did not."""

    @abstractmethod
    def has_started(self, job: Any, attempt: int) -> bool:
        """Whether the process has left any output of its own."""

    @abstractmethod
    def exit_message(self, job: Any, code: int) -> str:
        """The reason that the process printed for this exit code; empty if there is none."""

    def ids(self, home: Path) -> list[str]:
        """Ids of every job of this type under ``home``, oldest first."""
        return job_ids(home / self.folder, self.is_id)

    def argv(self, job: JobDir, attempt: int, device: str, devices: int = 1) -> list[str]:
        """The command line of the job's process, which is to work on ``device`` (``cpu``, ``cuda:0``), or on so many
        ``devices`` of a kind."""
        return [*self.start(sys.executable), *self.arguments(job, attempt, device, devices)]

    def start(self, python: str) -> list[str]:
        """The beginning of that command line, with this interpreter."""
        hooked = os.environ.get(self.hook)
        return json.loads(hooked) if hooked else [python, "-P", "-m", self.module]

    def environment(self, job: JobDir) -> dict[str, str]:
        """The variables of the job's process: this worker's, but threads as the shell that queued the job has them."""
        try:
            threads = read_object(job.path / self.description).get("threads")
        except (OSError, ValueError):
            threads = None
        others = {name: value for name, value in os.environ.items() if name not in OF_RANKS}
        if not isinstance(threads, dict):  # of an older version
            return others
        others = {name: value for name, value in others.items() if name not in THREADS}
        return others | {name: str(threads[name]) for name in THREADS if name in threads}


class Runs(JobType):
    folder, noun, process_name = "runs", "run", "trainer"
    stopped_too_early = "stopped before training began"
    after_kill_hint = "it can go on from its last checkpoint"
    hook, module, description = "GENTUI_TRAINER", "engine", "run.json"

    def open(self, path: str | os.PathLike[str]) -> RunDir:
        return RunDir(path)

    def is_id(self, text: str) -> bool:
        return is_run_id(text)

    def arguments(self, job: RunDir, attempt: int, device: str, devices: int = 1) -> list[str]:
        several = ["--devices", str(devices)] if devices > 1 else []
        return [str(job.path), "--attempt", str(attempt), "--device", device, *several]

    def reported_outcome(self, job: RunDir, attempt: int) -> dict[str, Any]:
        """The attempt's last status event other than a phase."""
        return last_event(job.events_path(attempt), _is_milestone) or {}

    def has_started(self, job: RunDir, attempt: int) -> bool:
        try:
            return job.events_path(attempt).stat().st_size > 0
        except OSError:
            return False

    def exit_message(self, job: RunDir, code: int) -> str:
        if code == 5:
            return "another trainer has taken the run over"
        return (last_error(job) or "the trainer refused the recipe (exit code 2)") if code == 2 else ""


def as_arguments(options: Mapping[str, Any]) -> list[str]:
    """Options as arguments of the engine's commands: ``as_published=True`` is the flag ``--as-published``. Those that
    are None or False were not given."""
    arguments = []
    for name, value in options.items():
        if value is not None and value is not False:
            flag = f"--{name.replace('_', '-')}"
            arguments.append(flag if value is True else f"{flag}={value}")
    return arguments


class Evaluations(JobType):
    folder, noun, process_name = "evaluations", "evaluation", "evaluation"
    stopped_too_early = "stopped before there was a score"
    after_kill_hint = "it can be resumed, and then starts over"
    hook, module, description = "GENTUI_EVALUATOR", "engine.inference.evaluate", "job.json"

    def open(self, path: str | os.PathLike[str]) -> EvaluationDir:
        return EvaluationDir(path)

    def is_id(self, text: str) -> bool:
        return text.startswith(EVALUATION_PREFIX) and is_run_id(text.removeprefix(EVALUATION_PREFIX))

    def arguments(self, job: EvaluationDir, attempt: int, device: str, devices: int = 1) -> list[str]:
        options = {**job.options(), "device": device, "scores": job.scores_path}
        return [str(job.run().path), *as_arguments(options)]

    def reported_outcome(self, job: EvaluationDir, attempt: int) -> dict[str, Any]:
        return {"status": "done"} if job.scores_path.is_file() else {}

    def has_started(self, job: EvaluationDir, attempt: int) -> bool:
        return False  # without scores nothing was kept, so it can simply start again

    def exit_message(self, job: EvaluationDir, code: int) -> str:
        return next(iter(reversed(log_lines(job))), "") if code in (2, 3, 4) else ""


RUNS, EVALUATIONS = Runs(), Evaluations()
JOB_TYPES: tuple[JobType, ...] = (RUNS, EVALUATIONS)


def job_type_of(job: JobDir | str) -> JobType:
    """The type of a job, or of the job with this id."""
    if isinstance(job, str):
        return EVALUATIONS if job.startswith(EVALUATION_PREFIX) else RUNS
    return EVALUATIONS if isinstance(job, EvaluationDir) else RUNS


def _is_milestone(event: dict[str, Any]) -> bool:
    return event["kind"] == "status" and event.get("status") != "phase"


def last_error(job: JobDir) -> str:
    """The last line of ``log.txt`` that looks like an error message, sanitised; empty if there is none."""
    line = next((line for line in reversed(log_lines(job)) if _ERROR_LINE.match(line)), "")
    return line.removeprefix("failed: ")


def log_lines(job: JobDir, tail: int = 1 << 14) -> list[str]:
    """The last complete, non-blank lines of ``log.txt``, sanitised. ``tail``: how many bytes to read."""
    lines = Tail(job.log_path, chunk=tail).read()
    if lines[:1] == (CUT,):
        lines = lines[2:]  # the first line read was cut
    return [line[:300] for line in lines if line.strip()]
