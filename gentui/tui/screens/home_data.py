"""What the recipe menu shows of runs: best scores, the newest run of each recipe, and what that has left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gentui.text import numbers
from gentui.text.sanitize import clean
from gentui.tui import formatting

if TYPE_CHECKING:
    from gentui.index import Index, LeaderboardRow, RunRow
    from gentui.tui.curves import ChartStyle
    from gentui.tui.widgets.chart_text import Curves
    from gentui.tui.widgets.picture import Sheet

NET_LINES = 60
"""Lines of the net that the preview shows at most."""


@dataclass(frozen=True)
class Best:
    """The best score by one metric with a recipe on its own data set; see ``Evaluation``. Text is clean."""

    run: str
    value: float
    metric: str
    protocol: str
    std: float | None = None
    over: str = ""
    role: str = ""
    floor: float | None = None
    floor_std: float | None = None


@dataclass(frozen=True)
class NewestRun:
    """The newest run of a recipe: its status with the tone of it, and its progress in words. Text is clean.
    ``metric``: that of its best score, "" without one."""

    run: str
    status: str
    tone: str
    progress: str
    metric: str = ""


@dataclass(frozen=True)
class Preview:
    """What a run has left behind: its net as lines of text, its first chart, and its last grid of samples."""

    run: str
    net: tuple[str, ...] = ()
    sheet: Sheet | None = None
    step: int = 0
    curves: Curves = ()
    style: ChartStyle | None = None

    def __eq__(self, other: object) -> bool:
        """Curves are compared point by point, as ``dataclass`` cannot."""
        if not isinstance(other, Preview):
            return NotImplemented
        from gentui.tui.curves import same_curves

        mine = (self.run, self.net, self.sheet, self.step, self.style)
        theirs = (other.run, other.net, other.sheet, other.step, other.style)
        return mine == theirs and same_curves(self.curves, other.curves)

    __hash__ = None  # pyright: ignore[reportAssignmentType]


@dataclass(frozen=True)
class RecipeResults:
    """The runs of all recipes as the index knew them when asked.

    ``best``: by ``recipe NUL data set``, then by metric. ``newest``: by recipe. ``preview``: of one run, which the
    screen chose.
    """

    best: dict[str, dict[str, Best]] = field(default_factory=dict)
    newest: dict[str, NewestRun] = field(default_factory=dict)
    preview: Preview | None = None


class ResultsReader:
    """Reads the results off the UI thread; the best scores again only when a score may have changed."""

    def __init__(self) -> None:
        self._best: dict[str, dict[str, Best]] = {}
        self._board_version: int | None = None
        self._preview: Preview | None = None

    def read(self, index: Index, previewed: str) -> RecipeResults:
        """The results of all recipes, and the preview of one run unless its id is ""."""
        if (version := index.board_version()) != self._board_version:
            self._best, self._board_version = best_scores(index), version
        self._preview = read_preview(index, previewed, self._preview) if previewed else None
        return RecipeResults(self._best, newest_runs(index), self._preview)


def best_scores(index: Index) -> dict[str, dict[str, Best]]:
    """The best own scores by ``recipe NUL data set``, then metric. Scores of different rankings do not compare: of a
    recipe's rankings that of reports counts, then that with the most images, then that with the newest run."""
    rankings: dict[tuple[str, str], dict[tuple[str, ...], list[LeaderboardRow]]] = {}
    for row in index.leaderboard():
        if row.run is not None:
            of_metric = rankings.setdefault((f"{row.recipe}\0{row.dataset}", row.metric), {})
            of_metric.setdefault(row.ranking, []).append(row)
    results: dict[str, dict[str, Best]] = {}
    for (recipe, metric), of_metric in rankings.items():
        results.setdefault(recipe, {})[metric] = _best(max(of_metric.values(), key=_weight)[0])
    return results


def _weight(ranking: list[LeaderboardRow]) -> tuple[bool, bool, int, str]:
    role = ranking[0].role
    newest = max(row.run or "" for row in ranking)
    return role == "report", role != "selection", int(ranking[0].samples or 0), newest


def _best(row: LeaderboardRow) -> Best:
    return Best(
        row.run or "", row.value, row.metric, clean(row.protocol, 300), row.std, clean(row.over, 60), row.role,
        row.floor, row.floor_std,
    )  # fmt: skip


def newest_runs(index: Index) -> dict[str, NewestRun]:
    """The newest run of each recipe."""
    newest: dict[str, RunRow] = {}
    for run in index.runs():
        newest.setdefault(run.recipe, run)
    return {recipe: _newest_run(run) for recipe, run in newest.items()}


def _newest_run(run: RunRow) -> NewestRun:
    words = [f"step {run.step:,}" + (f" of {run.steps:,}" if run.steps else "")] if run.step else []
    words += [f"loss {numbers.number(run.loss, 3)}"] if run.loss is not None else []
    if run.status in ("running", "stalled"):
        words += [clean(run.phase, 40)] if run.phase else []
        words += [f"{formatting.time_left(run)} left"] if run.eta_s is not None else []
    elif run.status != "done" and run.reason:
        words.append(clean(run.reason, 120))
    metric = run.best.metric if run.best is not None else ""
    return NewestRun(run.id, *formatting.status(run.status), " · ".join(words), metric)


def read_preview(index: Index, run_id: str, before: Preview | None) -> Preview:
    """Read what a run has left behind. The net, which is written once, is taken from ``before`` if it is there."""
    from engine.runs.directory import RunDir
    from gentui.text.sanitize import clean_lines
    from gentui.tui.widgets.picture_grid import sheet_of  # not in the UI thread: it takes its time

    run = RunDir(index.home / "runs" / run_id)
    net = before.net if before is not None and before.run == run_id else ()
    if not net and (text := run.architecture().rstrip("\n")):
        net = tuple(clean_lines(text)[:NET_LINES])
    curves, style = _first_chart(index, run_id)
    samples = index.samples(run_id)
    if not samples or not (sheet := sheet_of(run.path, samples[-1])).path.is_file():
        return Preview(run_id, net, None, 0, curves, style)
    return Preview(run_id, net, sheet, samples[-1].step, curves, style)


def _first_chart(index: Index, run_id: str) -> tuple[Curves, ChartStyle | None]:
    """The chart that stands for a run, as it was left in the run's view."""
    from gentui.tui.screens.runs_preview import charts_of

    try:
        run = index.run(run_id)
    except KeyError:
        return (), None
    charts, style = charts_of(index, run, 1, 100)
    return (charts[0] if charts else ()), style
