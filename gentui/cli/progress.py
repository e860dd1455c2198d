"""Show a job's progress on stderr until it ends (``run --wait``, ``evaluate``). The job does not need its watcher."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.runs.directory import RunDir, State
from gentui.cli.console import complain, is_quiet, out, out_json, say
from gentui.cli.errors import Exit
from gentui.jobs.detach import Detach
from gentui.runs import scores
from gentui.runs.metric_names import label
from gentui.text.numbers import clock, full_rate, plain_number
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from rich.progress import Progress

    from gentui.index import Index, RunRow
    from gentui.jobs.job_types import EvaluationDir

POLL_S = 0.25
RECONCILE_S = 2.0
PLAIN_LINE_S = 5.0

Show = Callable[["list[RunRow]"], None]
"""Called with the rows of all watched runs, in order."""


def report(home: Path, run_id: str) -> dict[str, Any]:
    """What ``run --wait --json`` prints: id, status, reason, dir, exit_code, steps, seconds."""
    from gentui.index import Index

    index = Index(home)
    index.refresh(wait=5.0)
    row = index.run(run_id)
    return {
        "id": row.id,
        "status": row.status,
        "reason": row.reason,
        "dir": str(home / "runs" / run_id),
        "exit_code": row.exit_code,
        "steps": row.step,
        "seconds": round(row.seconds, 3),
    }


def after_queueing(home: Path, run_id: str, wait: bool, as_json: bool, detach: Detach) -> int:
    """Print the id of a queued run and, with ``wait``, its progress. Returns the exit code."""
    if not as_json:
        out(run_id)
        sys.stdout.flush()
    if wait:
        return wait_and_report(home, run_id, as_json, detach)
    if as_json:
        out_json(report(home, run_id))
    say(f"queued; `gentui` or `gentui logs -f {run_id}` shows its progress, `gentui stop {run_id}` stops it")
    return Exit.OK


def wait_and_report(home: Path, run_id: str, as_json: bool, detach: Detach) -> int:
    """Show progress until the run has ended, then its outcome; Ctrl-C only stops watching.

    Returns the exit code: 0 if the run is done, 4 if something it needs is missing, 1 if it ended otherwise, 130 after
    Ctrl-C.
    """
    with narrator() as tell:
        has_ended = watch(home, [run_id], detach, lambda rows: tell(_moment_of(rows[0])))
    if not has_ended:
        say(f"the run continues: `gentui logs -f {run_id}` shows its progress, `gentui stop {run_id}` stops it")
        if as_json:
            out_json(report(home, run_id))
        return Exit.INTERRUPTED
    result = report(home, run_id)
    took = f" after {clock(result['seconds'])}" if result["seconds"] else ""
    is_done = result["status"] == "done"
    (say if is_done else complain)(
        f"{result['status']}{took}" + (f": {result['reason']}" if result["reason"] else "")
    )
    if is_done:
        say(*_what_came_of(home, run_id))
    if as_json:
        out_json(result)
    if is_done:
        return Exit.OK
    is_impossible = result["status"] == "failed" and result["exit_code"] == Exit.CANNOT
    return Exit.CANNOT if is_impossible else Exit.RUN_FAILED


def _what_came_of(home: Path, run_id: str) -> Iterator[str]:
    """The run's scores, with the checkpoints they are of, and what to do next."""
    from gentui.index import Index, standing

    for score in standing(Index(home).evaluations(run_id)):
        real = f", real images {plain_number(score.floor)}" if score.floor is not None else ""
        yield f"{label(score)} {scores.value_in_full(score, plain_number)} at step {score.step}{real}"
    yield f"`gentui show {run_id}` tells more, `gentui open {run_id}` shows its curves and samples"


def watch(home: Path, ids: Sequence[str], detach: Detach, show: Show) -> bool:
    """Show the runs until all have ended (True) or the user presses Ctrl-C (False)."""
    from gentui import jobs
    from gentui.index import Index

    index = Index(home)
    waiting = {run: RunDir(home / "runs" / run) for run in ids}
    ended: dict[str, RunRow] = {}
    last_reconciled = time.monotonic()
    while True:
        # Read the states before the index, which then includes everything written before the end.
        over = [run for run, files in waiting.items() if files.read_state().ended]
        if detach.requested and len(over) < len(waiting):
            return False
        index.refresh(wait=5.0 if over else 0.0)
        for run in over:
            ended[run] = row_of(index, run)
            del waiting[run]
        show([ended.get(run) or row_of(index, run) for run in ids])
        if not waiting:
            return True
        if time.monotonic() - last_reconciled > RECONCILE_S:
            jobs.reconcile_and_spawn(home)
            last_reconciled = time.monotonic()
        time.sleep(POLL_S)


def watch_evaluation(home: Path, job: EvaluationDir, detach: Detach) -> State:
    """Show an evaluation's progress until it has ended or the user presses Ctrl-C; return its state.

    Raises JobError if it is removed meanwhile.
    """
    from gentui import jobs
    from gentui.jobs.evaluations import current_task, images_done, status_text

    last_reconciled = time.monotonic()
    with narrator() as tell:
        while True:
            try:
                state = job.read_state()
            except FileNotFoundError:
                raise jobs.JobError(f"{job.id} was removed before it was done") from None
            if state.ended or detach.requested:
                return state
            done = images_done(job) if state.status == "running" else None
            if done is not None and not current_task(job):
                tell(Moment("evaluating", *done, (f"{done[0]}/{done[1]} images",)))
            else:
                tell(Moment(status_text(home, job, state)))
            if time.monotonic() - last_reconciled > RECONCILE_S:
                jobs.reconcile_and_spawn(home)
                last_reconciled = time.monotonic()
            time.sleep(POLL_S)


def row_of(index: Index, run_id: str) -> RunRow:
    """The run's row. A run created a moment ago is in the index after one more refresh."""
    deadline = time.monotonic() + 5.0
    while True:
        try:
            return index.run(run_id)
        except KeyError:
            if time.monotonic() > deadline:
                raise
            index.refresh(wait=1.0)


def facts_of(row: RunRow) -> list[str]:
    facts = [f"step {row.step}/{row.steps}" if row.steps else f"step {row.step}"]
    if row.loss is not None:
        facts.append(f"loss {plain_number(row.loss, 3)}")
    if row.images_per_s:
        facts.append(full_rate(row.images_per_s))
    if row.eta_s is not None and row.status == "running":
        facts.append(f"ETA {'> ' if row.eta_is_partial else ''}{clock(row.eta_s)}")
    return facts


def state_of(row: RunRow) -> str:
    return clean(row.phase or row.status, 40)


def bar() -> Progress:
    """A progress bar for stderr that disappears at the end; its task has a field ``facts``."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4)


@dataclass(frozen=True)
class Moment:
    """A job's progress: its state in words, ``done`` of ``total`` (0: unknown), and further facts."""

    state: str
    done: int = 0
    total: int = 0
    facts: Sequence[str] = ()


def _moment_of(row: RunRow) -> Moment:
    facts = facts_of(row) if row.step or row.status == "running" else []
    return Moment(state_of(row), row.step, row.steps or 0, facts)


def narrator() -> AbstractContextManager[Callable[[Moment], None]]:
    """A function that shows every ``Moment`` of one job: as a bar if stderr is a terminal, else as lines."""
    if is_quiet():
        return nullcontext(lambda moment: None)
    return (_bar if sys.stderr.isatty() else _plain)()


@contextmanager
def _plain() -> Iterator[Callable[[Moment], None]]:
    """Print a line when the state changes, and one every few seconds."""
    shown, at, last = "", 0.0, ""

    def tell(moment: Moment) -> None:
        nonlocal shown, at, last
        now = time.monotonic()
        line = " · ".join([moment.state, *moment.facts])
        # "sampling 4/18" after "sampling 3/18" is no change of state; the first finished step is
        word = moment.state.rstrip("0123456789/, ") + (" on" if moment.done else "")
        if line != last and (word != shown or now - at >= PLAIN_LINE_S):
            shown, at, last = word, now, line
            say(line)

    yield tell


@contextmanager
def _bar() -> Iterator[Callable[[Moment], None]]:
    """Show a bar that disappears when the job has ended."""
    with bar() as progress:
        task = progress.add_task("queued", total=None, facts="")

        def tell(moment: Moment) -> None:
            progress.update(
                task, description=moment.state, total=moment.total or None, completed=moment.done,
                facts=" · ".join(moment.facts),
            )  # fmt: skip

        yield tell
