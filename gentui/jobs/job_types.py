"""What stands in the queue: runs, which are trained, and evaluations of runs. All the queue needs to know of each.

Both are directories with a state, a lock and a log (``engine.runs.directory.JobDir``), so claiming, watching,
stopping and the verdict are the same for both. What differs is here: where they are, which process does the work,
how that process reports its outcome, and the words for it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from engine.runs.directory import JobDir, RunDir, is_run_id, job_ids
from engine.runs.events import last_event
from gentui.text.sanitize import clean

EVALUATION = "eval-"
"""What ids of evaluations begin with; the rest is as a run's."""
_CLUE = re.compile(r"^[\w.]*(?:Error|Exception|Interrupt|Exit)\b.*|^\S.*: error: .*")


class EvaluationDir(JobDir):
    """``$GENTUI_HOME/evaluations/<id>``: the scoring of one checkpoint of a run, asked for by a person.

    ``job.json`` holds the run's id and the options of ``engine.inference.evaluate``; ``scores.json`` exists once it is
    done, and the scores are in the run's event log by then.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__(path)
        self.job_path = self.path / "job.json"
        self.scores_path = self.path / "scores.json"

    def run(self) -> RunDir:
        """The run that is scored. Raises OSError or ValueError when ``job.json`` cannot be read."""
        return RunDir(self.path.parent.parent / "runs" / self._job()[0])

    def options(self) -> dict[str, Any]:
        """What was asked for, by option of ``gentui evaluate``. Raises OSError or ValueError."""
        return self._job()[1]

    def scores(self) -> list[dict[str, Any]]:
        """Rows as ``gentui evaluate --json`` prints them. Raises OSError or ValueError."""
        return json.loads(self.scores_path.read_bytes())

    def _job(self) -> tuple[str, dict[str, Any]]:
        job = json.loads(self.job_path.read_bytes())
        if isinstance(job, dict) and is_run_id(str(job.get("run"))) and isinstance(job.get("options"), dict):
            return job["run"], job["options"]
        raise ValueError(f"{self.job_path} names no run to score")


class Kind(ABC):
    """One kind of job. ``noun`` is what a person calls it, ``process`` what works on it."""

    folder: ClassVar[str]
    noun: ClassVar[str]
    process: ClassVar[str]
    too_early: ClassVar[str]
    """Why it ended when a stop came before there was anything to keep."""
    after_kill: ClassVar[str]
    """What a person can do with one that had to be killed."""
    hook: ClassVar[str]
    """Names the variable that replaces the start of ``argv`` by a JSON list: for tests only."""
    module: ClassVar[str]

    @abstractmethod
    def open(self, path: str | os.PathLike[str]) -> JobDir: ...

    @abstractmethod
    def is_id(self, text: str) -> bool: ...

    @abstractmethod
    def arguments(self, job: Any, attempt: int, slot: str) -> list[str]:
        """Of the process that does the work. Raises OSError or ValueError when the job's files cannot be read."""

    @abstractmethod
    def last_word(self, job: Any, attempt: int) -> dict[str, Any]:
        """What the process itself said last of how it ended: ``status``, ``reason``, ``step``; empty: nothing."""

    @abstractmethod
    def has_begun(self, job: Any, attempt: int) -> bool:
        """Whether the process has left a trace of itself."""

    @abstractmethod
    def sentence(self, job: Any, code: int) -> str:
        """What the process gave as the reason when it left with this exit code; empty where it gives none."""

    def ids(self, home: Path) -> list[str]:
        """Every job of this kind under ``home``, oldest first."""
        return job_ids(home / self.folder, self.is_id)

    def argv(self, job: JobDir, attempt: int, slot: str) -> list[str]:
        hooked = os.environ.get(self.hook)
        start = json.loads(hooked) if hooked else [sys.executable, "-P", "-m", self.module]
        return [*start, *self.arguments(job, attempt, slot)]


class Runs(Kind):
    folder, noun, process = "runs", "run", "trainer"
    too_early = "stopped before training began"
    after_kill = "it can go on from its last checkpoint"
    hook, module = "GENTUI_TRAINER", "engine"

    def open(self, path: str | os.PathLike[str]) -> RunDir:
        return RunDir(path)

    def is_id(self, text: str) -> bool:
        return is_run_id(text)

    def arguments(self, job: RunDir, attempt: int, slot: str) -> list[str]:
        return [str(job.path), "--attempt", str(attempt), "--device", slot]

    def last_word(self, job: RunDir, attempt: int) -> dict[str, Any]:
        """The attempt's last status event other than a phase."""
        return last_event(job.events_path(attempt), _is_milestone) or {}

    def has_begun(self, job: RunDir, attempt: int) -> bool:
        try:
            return job.events_path(attempt).stat().st_size > 0
        except OSError:
            return False

    def sentence(self, job: RunDir, code: int) -> str:
        return (last_error(job) or "the trainer refused the recipe (exit code 2)") if code == 2 else ""


class Evaluations(Kind):
    folder, noun, process = "evaluations", "evaluation", "evaluation"
    too_early = "stopped before there was a score"
    after_kill = "it can be resumed, from its beginning"
    hook, module = "GENTUI_EVALUATOR", "engine.inference.evaluate"

    def open(self, path: str | os.PathLike[str]) -> EvaluationDir:
        return EvaluationDir(path)

    def is_id(self, text: str) -> bool:
        return text.startswith(EVALUATION) and is_run_id(text.removeprefix(EVALUATION))

    def arguments(self, job: EvaluationDir, attempt: int, slot: str) -> list[str]:
        options = {**job.options(), "device": slot, "scores": job.scores_path}
        return [str(job.run().path), *(f"--{key}={value}" for key, value in options.items())]

    def last_word(self, job: EvaluationDir, attempt: int) -> dict[str, Any]:
        return {"status": "done"} if job.scores_path.is_file() else {}

    def has_begun(self, job: EvaluationDir, attempt: int) -> bool:
        return False  # without scores nothing was kept: it may begin again

    def sentence(self, job: EvaluationDir, code: int) -> str:
        return next(iter(reversed(log_lines(job))), "") if code in (2, 3, 4) else ""


RUNS, EVALUATIONS = Runs(), Evaluations()
KINDS: tuple[Kind, ...] = (RUNS, EVALUATIONS)


def kind_of(job: JobDir | str) -> Kind:
    """The kind of a job, or of what has this id."""
    if isinstance(job, str):
        return EVALUATIONS if job.startswith(EVALUATION) else RUNS
    return EVALUATIONS if isinstance(job, EvaluationDir) else RUNS


def _is_milestone(event: dict[str, Any]) -> bool:
    return event["kind"] == "status" and event.get("status") != "phase"


def last_error(job: JobDir) -> str:
    """The last line of ``log.txt`` that looks like an error message, cleaned; empty when there is none."""
    return next((line for line in reversed(log_lines(job)) if _CLUE.match(line)), "")


def log_lines(job: JobDir, tail: int = 1 << 14) -> list[str]:
    """The last whole lines of ``log.txt`` that are not blank, cleaned."""
    try:
        with job.log_path.open("rb") as file:
            begin = max(0, os.fstat(file.fileno()).st_size - tail)
            file.seek(begin)
            lines = file.read(tail).decode(errors="replace").splitlines()
    except OSError:
        return []
    return [clean(line, 300) for line in lines[1 if begin else 0 :] if line.strip()]
