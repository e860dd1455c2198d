"""A guard around what a run can do without: whatever fails in it becomes an alarm, and training goes on."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from engine.data.dataset import DataError
from engine.devices import is_out_of_memory, release_memory
from engine.evaluation.extractors import ExtractorError
from engine.health import Alarm, Severity
from engine.recipes.recipe import MissingData, RecipeError
from engine.runs.directory import RunDir
from engine.runs.files import FULL
from engine.training.recorder import TrainingFailed
from engine.training.reporter import DISK_CAUSE, Reporter, print_line
from engine.training.stop_signal import StopRequested
from engine.training.visit_record import VisitRecord

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """What is guarded. ``key`` is its name in the record of visits, ``alarm`` the name of its alarms.

    ``doing`` begins the sentences of its alarms. ``smaller`` and ``off`` are settings (``key=value``) that let it use
    less memory, or leave it out; ``later`` says how it is made up for.
    """

    key: str
    alarm: str
    doing: str
    smaller: str
    off: str
    later: str = "training goes on"


SCORES = Part(
    "scores", "scores", "Computing the scores", "evaluate.batch_size=32", "evaluate.times=0",
    "`gentui evaluate` scores a checkpoint at any time",
)  # fmt: skip
SETUP = Part(
    "scorer", "scores", "Preparing the scores after the checkpoint", "evaluate.extractor=probe", "evaluate.times=0",
    "scores are left out, and `gentui evaluate` makes them at any time",
)  # fmt: skip
EXAMINATION = Part(
    "examination", "examination", "Examining the samples", "health.alarms=false", "health.alarms=false"
)
REPORT = Part(
    "report", "report", "Making the report", "evaluate.batch_size=32", "evaluate.times=0",
    "`gentui evaluate` makes the report anew",
)  # fmt: skip


def figure_part(name: str) -> Part:
    """The part that draws the figure ``name``."""
    return Part(f"figure {name}", "figure", f"Drawing the figure {name}", "sample.rows=4", "sample.times=1")


class Halvable(Protocol):
    """Batches that can be made smaller. ``size`` is None while they are as they were asked for."""

    @property
    def size(self) -> int | None: ...

    def halve(self) -> bool:
        """Halve them. False when they cannot become smaller."""
        ...


@dataclass(frozen=True)
class _Failure:
    """An exception in words. It holds no reference to the exception, whose frames hold tensors."""

    reason: str
    cause: str
    remedy: str
    trace: str
    out_of_memory: bool = False
    disk_is_full: bool = False


class Guard:
    """Does parts of visits one by one, and notes in the record which one is being worked on."""

    def __init__(self, run: RunDir, reporter: Reporter, record: VisitRecord):
        self.record = record
        self._run, self._reporter = run, reporter

    def attempt(
        self, part: Part, step: int, work: Callable[[], T], batches: Halvable | None = None
    ) -> T | None:
        """Return what ``work`` returns, which is not None; or None when it failed, after an alarm that says why.

        Out of memory, it is tried again in smaller ``batches``. It is left out when it has killed the process
        ``MOST_KILLS`` times at this step. Raises StopRequested and TrainingFailed.
        """
        if self.record.is_deadly(part.key, step):
            self._tell_of_kills(part, step)
            return None
        self.record.begin(part.key, step)
        self.record.save(self._run)
        lowered = False
        try:
            while True:
                result, failure = _attempt(part, self._run, work)
                if failure is None:
                    self.record.said.pop(part.key, None)
                    if lowered and batches is not None:
                        self._tell_of_batches(part, step, batches)
                    return result
                if failure.out_of_memory:
                    release_memory()
                    if batches is not None and batches.halve():
                        lowered = True
                        print_line(f"{part.doing}: out of memory; once more with {batches.size} images at once")
                        continue
                print(failure.trace, flush=True)
                self._tell(part, step, failure)
                return None
        finally:
            self.record.end(part.key)

    def _tell(self, part: Part, step: int, failure: _Failure) -> None:
        name = "disk" if failure.disk_is_full else part.alarm
        sentence = f"{part.doing} of step {step:,} failed: {failure.reason}."
        self._say(part.key, failure.reason, Alarm(name, sentence, failure.cause, failure.remedy, step))

    def tell_once(
        self, name: str, sentence: str, cause: str, remedy: str, step: int, severity: Severity
    ) -> None:
        """Raise an alarm that is raised once per run, whatever it says."""
        self._say(name, "", Alarm(name, sentence, cause, remedy, step, severity))

    def _tell_of_kills(self, part: Part, step: int) -> None:
        kills = self.record.kills[part.key]
        alarm = Alarm(
            part.alarm,
            f"{part.doing} of step {step:,} is left out: the process was killed in it {kills} times.",
            "memory ran out and the system ended the process, or code of the extractor or of a plug-in crashed",
            f"{_with_setting(self._run, part.smaller)}, or leave it out with {part.off}; {part.later}",
            step,
        )
        self._say(part.key, f"killed at step {step}", alarm)

    def _tell_of_batches(self, part: Part, step: int, batches: Halvable) -> None:
        setting = part.smaller.partition("=")[0]
        alarm = Alarm(
            "memory",
            f"{part.doing} of step {step:,} ran out of memory, and is now done with {batches.size} images at once.",
            "the batch did not fit beside what training keeps in memory",
            f"nothing needs to be done; {setting} makes the batches smaller from the start",
            step,
            "info",
        )
        self._say(f"batches of {part.key}", str(batches.size), alarm)

    def _say(self, key: str, content: str, alarm: Alarm) -> None:
        content = re.sub(r"\d+", "0", content) if not content.isdigit() else content
        if self.record.said.get(key) == content:
            print_line(alarm.sentence)
            return
        self.record.said[key] = content
        self._reporter.raise_alarms([alarm])


def _attempt(part: Part, run: RunDir, work: Callable[[], T]) -> tuple[T | None, _Failure | None]:
    """(result of ``work``, None) or (None, why it failed). The exception and its frames are gone on return."""
    try:
        return work(), None
    except (StopRequested, TrainingFailed):
        raise
    except (Exception, SystemExit) as error:
        return None, _failure(part, run, error)


def _failure(part: Part, run: RunDir, error: BaseException) -> _Failure:
    first_line = next(iter(str(error).splitlines()), "")
    named = f"{type(error).__name__}: {first_line}".rstrip(": ")
    trace = "".join(traceback.format_exception(error))
    mend = f"mend that, or leave it out: {_with_setting(run, part.off)}; {part.later}"
    if is_out_of_memory(error):
        remedy = f"{_with_setting(run, part.smaller)}, or free memory that other programs use; {part.later}"
        return _Failure("out of memory", named, remedy, trace, out_of_memory=True)
    if isinstance(error, OSError):
        reason = error.strerror or first_line
        if error.errno in FULL:
            remedy = f"free some space; {part.later}"
            return _Failure(reason, DISK_CAUSE, remedy, trace, disk_is_full=True)
        return _Failure(reason, named, mend, trace)
    if isinstance(error, ExtractorError | MissingData | DataError | RecipeError):
        return _Failure(first_line.rstrip("."), "what it needs is missing or damaged", mend, trace)
    return _Failure(named.rstrip("."), "the traceback is in the run's log (`gentui logs`)", mend, trace)


def _with_setting(run: RunDir, setting: str) -> str:
    return f"stop the run if it is running, then `gentui resume {run.id} -o {setting}`"
