"""``gentui run`` with several recipes: which they are, their progress, and a table of their results."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from gentui.cli.console import complain, is_quiet, out, out_json, say, table
from gentui.cli.errors import Exit
from gentui.cli.progress import PLAIN_LINE_S, Show, bar, facts_of, report, row_of, state_of, watch
from gentui.jobs.detach import Detach
from gentui.runs import scores
from gentui.runs.metric_names import short_name
from gentui.text.numbers import clock, plain_number
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from engine.recipes.recipe import Problem, Recipe
    from gentui.index import RunRow

ALL = "all"


def means_several(words: Sequence[str]) -> bool:
    """Whether the arguments may name more than one recipe."""
    return len(words) != 1 or _is_pattern(words[0])


def _is_pattern(word: str) -> bool:
    return word == ALL or (any(special in word for special in "*?[") and not Path(word).is_file())


def load_all(words: Sequence[str], overrides: Sequence[str], quick: bool) -> list[Recipe]:
    """Load the recipes given by names, paths, shell patterns over recipe names, and ``all``: each once.

    The matches of a pattern come in the menu's order; those whose file is broken are named on stderr and left out.
    Raises UnknownRecipe, RecipeError with the problems of all recipes, or MissingData with every missing data set.
    """
    from engine.recipes.recipe import RecipeError, load

    recipes: dict[str, Recipe] = {}
    problems, broken = [], []
    for word in words:
        found: dict[str, Recipe] = {}
        for name in _names(word):
            try:
                found[name] = load(name, overrides, quick)
            except RecipeError as error:
                of_file = _problems_of_file(name, quick) if _is_pattern(word) else []
                broken += of_file
                problems += [] if of_file else error.problems
        in_order = sorted(found.items(), key=lambda item: (item[1].order, item[1].family, item[0]))
        recipes = recipes | {name: recipe for name, recipe in in_order if name not in recipes}
    if problems or not recipes:
        raise RecipeError(list(dict.fromkeys([*problems, *broken])))
    complain(*(f"left out: {problem}" for problem in dict.fromkeys(broken)))
    require_all_data(list(recipes.values()))
    return list(recipes.values())


def _problems_of_file(name: str, quick: bool) -> list[Problem]:
    """What is wrong with a recipe as its file has it, without overrides."""
    from engine.recipes.recipe import RecipeError, load

    try:
        load(name, quick=quick)
    except RecipeError as error:
        return list(error.problems)
    return []


def _names(word: str) -> list[str]:
    from engine.recipes.recipe import UnknownRecipe
    from engine.runs.paths import recipe_files

    if not _is_pattern(word):
        return [word]
    names = [name for name in recipe_files() if word == ALL or fnmatchcase(name, word)]
    if not names:
        raise UnknownRecipe(f"no recipe's name matches {clean(word, 100)!r} (`gentui recipes` lists them)")
    return names


def require_all_data(recipes: list[Recipe]) -> None:
    """Raise MissingData with one line for each missing data set, and the recipes that need it."""
    from engine.recipes.recipe import MissingData

    missing: dict[str, list[str]] = {}
    for recipe in recipes:
        try:
            recipe.require_data()
        except MissingData as error:
            missing.setdefault(str(error), []).append(recipe.name)
    if missing:
        raise MissingData("\n".join(f"{', '.join(names)}: {why}" for why, names in missing.items()))


def standing_of_first(home: Path, ids: Sequence[str]) -> list[str]:
    """How the first of the runs stands where it was queued, in a sentence."""
    from engine.runs.directory import RunDir
    from gentui.jobs.launchers import look_at

    lines = []
    for run in ids[:1]:
        job = RunDir(home / "runs" / run)
        status, standing = look_at(job, job.read_state()).shown
        lines.append(f"{run}: {status}" + (f", {standing}" if standing else ""))
    return lines


def after_queueing_all(home: Path, ids: list[str], wait: bool, as_json: bool, detach: Detach) -> int:
    """Print the ids of queued runs or, with ``wait``, their progress and results. Returns the exit code."""
    have_ended = _watch(home, ids, detach) if wait else True
    ids = [run for run in ids if (home / "runs" / run).is_dir()]  # without those deleted meanwhile
    if as_json:
        from gentui.index import Index

        index = Index(home)
        out_json([report(home, run) | {"recipe": index.run(run).recipe} for run in ids])
    elif wait:
        _print_table(_rows(home, ids))
    else:
        for run in ids:
            out(run)
    if not wait:
        say(f"queued {len(ids)} runs; `gentui` shows their progress")
        return Exit.OK
    if not have_ended:
        say("the runs continue in the background: `gentui` shows them, `gentui stop RUN` stops one")
        return Exit.INTERRUPTED
    failed = [row for row in _rows(home, ids) if row.status != "done"]
    say(f"{len(ids) - len(failed)} of {len(ids)} runs done")
    return Exit.RUN_FAILED if failed else Exit.OK


def _rows(home: Path, ids: list[str]) -> list[RunRow]:
    from gentui.index import Index

    index = Index(home)
    index.refresh(wait=5.0)
    return [row_of(index, run) for run in ids]


def _print_table(rows: list[RunRow]) -> None:
    header = ["RECIPE", "STATUS", "STEPS", "SECONDS", "LOSS", "SCORE", "DATA", "RUN"]
    lines: list[list[object]] = [
        [
            row.recipe, row.status, row.step, f"{row.seconds:.1f}", plain_number(row.loss, 4),
            f"{short_name(row.best)} {scores.value_text(row.best, plain_number)}" if row.best else "",
            f"{row.dataset} for {row.stand_in_for}" if row.stand_in_for else row.dataset, row.id,
        ]
        for row in rows
    ]  # fmt: skip
    if any(row.status != "done" for row in rows):
        header.append("REASON")
        lines = [
            [*line, "" if row.status == "done" else row.reason] for line, row in zip(lines, rows, strict=True)
        ]
    table(header, lines, right=["STEPS", "SECONDS", "LOSS"])
    if any(row.best is not None and scores.is_selection(row.best) for row in rows):
        say(scores.SELECTION_CAPTION)


def _watch(home: Path, ids: list[str], detach: Detach) -> bool:
    """Show progress until every run has ended (True) or the user presses Ctrl-C (False)."""
    with (_bar if sys.stderr.isatty() and not is_quiet() else _plain)(len(ids)) as show:
        return watch(home, ids, detach, show)


def _is_over(row: RunRow) -> bool:
    return row.status not in ("queued", "running", "stalled")


def _end_of(row: RunRow) -> str:
    why = f": {row.reason}" if row.reason else ""
    return f"{row.recipe} {row.status} after {clock(row.seconds)}{why}"


@contextmanager
def _plain(count: int) -> Iterator[Show]:
    """Print a line when a run starts or ends, and one every few seconds about the running one."""
    ended: set[str] = set()
    shown, at = "", time.monotonic()

    def show(rows: list[RunRow]) -> None:
        nonlocal shown, at
        for row in rows:
            if _is_over(row) and row.id not in ended:
                ended.add(row.id)
                say(f"{len(ended)}/{count} {_end_of(row)}")
        now = time.monotonic()
        for row in rows:
            if row.status in ("running", "stalled"):
                begins = row.id != shown
                if begins or now - at >= 3 * PLAIN_LINE_S:
                    shown, at = row.id, now
                    say(" · ".join([row.recipe, state_of(row), *facts_of(row)]))
                break

    yield show


@contextmanager
def _bar(count: int) -> Iterator[Show]:
    """Show one bar over all runs, redrawn in place, and print a line for each run that ends."""
    ended: set[str] = set()
    with bar() as progress:
        task = progress.add_task("queued", total=count, facts="")

        def show(rows: list[RunRow]) -> None:
            for row in rows:
                if _is_over(row) and row.id not in ended:
                    ended.add(row.id)
                    line = clean(f"{len(ended)}/{count} {_end_of(row)}")
                    progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
            live = next((row for row in rows if row.status in ("running", "stalled")), None)
            part = live.step / live.steps if live is not None and live.steps else 0.0
            progress.update(
                task,
                description=f"{len(ended)}/{count} {live.recipe if live else 'queued'}",
                completed=min(count, len(ended) + min(part, 1.0)),
                facts=" · ".join([state_of(live), *facts_of(live)]) if live else "",
            )

        yield show
