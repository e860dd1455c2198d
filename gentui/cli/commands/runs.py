"""``runs``, ``show``, ``logs``."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from engine.runs.directory import STATUSES, JobDir, RunDir
from engine.runs.files import open_plain_file, read_head
from gentui.cli.console import (
    App,
    json_option,
    out,
    out_bytes,
    out_json,
    pass_app,
    say,
    table,
    wide_option,
)
from gentui.cli.words import RUN
from gentui.metrics.namespaces import is_signal
from gentui.runs import alarms, scores
from gentui.runs.metric_names import label, short_name
from gentui.text.numbers import clock, full_rate, plain_number, setting

if TYPE_CHECKING:
    from gentui.index import AlertRow, Evaluation, Index, RunRow
    from gentui.runs.filter_language import FilterKeys

MOST_OF_LOG = 64 << 20


@click.command()
@click.option("--status", type=click.Choice(STATUSES), help="Only runs with this status.")
@click.option(
    "--filter", "text", default="", metavar="TEXT", help="As in the app, such as 'fashion fid<60 -tag:x'."
)
@click.option(
    "--sort",
    "by",
    metavar="KEY",
    help="The smallest value of KEY first, or with -KEY the largest; then runs without.",
)
@click.option(
    "--columns",
    metavar="KEY,...",
    default="",
    help="Also columns of these settings, scores or metrics, such as lr,seed,fid.",
)
@click.option("-n", "--limit", "most", type=click.IntRange(1), metavar="N", help="Only the first N runs.")
@wide_option
@json_option("a list of runs with status, step, metrics and scores")
@pass_app
def runs_command(
    app: App, status: str | None, text: str, by: str | None, columns: str, most: int | None, as_json: bool
) -> None:
    """List runs, newest first.

    --filter takes words, KEY:VALUE, KEY=VALUE and comparisons. KEY is a setting (optim.lr), a score or metric (fid,
    loss), or one of status, dataset, family, recipe, tag, name, note, device, alarms, step, seconds, speed, seed …
    A comma means or, a leading - means not. last.KEY is a metric's last value where a setting has its name (last.lr).
    """
    from gentui.jobs import pending
    from gentui.runs import filter_language

    index = app.index()
    rows = index.runs(status=status)
    keys: list[str] = []
    if text or by or columns:
        known = filter_language.FilterKeys.of(index.runs())
        keys = [_known("--columns", word.strip(), known) for word in columns.split(",") if word.strip()]
        rows = _sorted(_matching(rows, text, known), by, known)
    rows = rows[:most]
    if as_json:
        out_json([described(index, row) for row in rows])
        return
    if not rows:
        condition = f" with status {status}" if status else ""
        condition += " that match" if text else ""
        say("no runs" + (condition or " yet: `gentui run digits-unet` starts one"))
        return
    getters = [filter_language.getter(key) for key in keys]
    table(
        [
            "RUN", "STATUS", "RECIPE", *keys, "STEP", "LOSS", "IMAGES/S", "TIME", "SCORE", "ALARMS", "NAME", "TAGS",
            "REASON",
        ],
        [
            [
                row.id, row.status, row.recipe + (" (quick)" if row.quick else ""),
                *(_cell(get(row)) for get in getters), steps_of(row),
                plain_number(row.loss, 3), plain_number(row.images_per_s, 3), clock(row.seconds),
                f"{short_name(row.best)} {scores.value_text(row.best, plain_number)}" if row.best else "",
                alarms.count(row), row.name, " ".join(row.tags), row.reason,
            ]
            for row in rows
        ],
        right=["STEP", "LOSS", "IMAGES/S", "TIME", *keys],
        drop=["IMAGES/S", "TIME", "TAGS", "ALARMS", "LOSS", "REASON", "STEP", "NAME"],
    )  # fmt: skip
    if any(row.best is not None and scores.is_selection(row.best) for row in rows):
        say(scores.SELECTION_CAPTION)
    for job in pending(app.home):
        say(f"{job.id} of {job.run}: {job.standing}")


def matching(index: Index, rows: list[RunRow], text: str) -> list[RunRow]:
    """The runs that match the text of ``--filter``. Raises UsageError for a mistake in it."""
    from gentui.runs import filter_language

    return _matching(rows, text, filter_language.FilterKeys.of(index.runs()))


def _matching(rows: list[RunRow], text: str, known: FilterKeys) -> list[RunRow]:
    from gentui.runs import filter_language

    query = filter_language.parse(text, known)
    if query.mistakes:
        raise click.UsageError("--filter: " + "; ".join(query.mistakes), click.get_current_context())
    return [row for row in rows if query.matches(row)]


def _sorted(rows: list[RunRow], by: str | None, known: FilterKeys) -> list[RunRow]:
    from gentui.runs import filter_language

    if not by or not rows:
        return rows
    key = filter_language.sort_key(_known("--sort", by.removeprefix("-"), known))
    valued = [row for row in rows if key(row) is not None]
    return sorted(valued, key=key, reverse=by.startswith("-")) + [row for row in rows if key(row) is None]


def _cell(value: Any) -> str:
    return plain_number(value) if isinstance(value, float) else "" if value is None else setting(value)


def _known(option: str, word: str, known: FilterKeys) -> str:
    """The full key that a word of an option means."""
    from gentui.runs import filter_language

    try:
        return filter_language.key_of(word, known)
    except ValueError as mistake:
        raise click.UsageError(f"{option}: {mistake}", click.get_current_context()) from None


def steps_of(row: RunRow) -> str:
    return f"{row.step}/{row.steps}" if row.steps else f"{row.step}"


def described(index: Index, row: RunRow) -> dict[str, Any]:
    """One run, as ``--json`` prints it."""
    return {
        "id": row.id,
        "name": row.name,
        "tags": row.tags,
        "notes": row.notes,
        "recipe": row.recipe,
        "family": row.family,
        "dataset": row.dataset,
        "quick": row.quick,
        "stand_in_for": row.stand_in_for,
        "status": row.status,
        "reason": row.reason,
        "where": row.elsewhere or None,
        "step": row.step,
        "steps": row.steps,
        "phase": row.phase,
        "images_per_s": row.images_per_s,
        "seconds": row.seconds,
        "eta_s": row.eta_s,
        "eta_is_partial": row.eta_is_partial,
        "seed": row.seed,
        "metrics": row.metrics,
        "alarms": row.alerts,
        "worst": row.worst,
        "evaluation_seconds": row.evaluation_seconds,
        "evaluation_share": row.evaluation_share,
        "evaluations": [described_score(score, row) for score in index.evaluations(row.id)],
    }


def described_score(score: Evaluation, row: RunRow) -> dict[str, Any]:
    """A score of a run, as ``--json`` prints it."""
    precision, labels, noises = score.conditions
    return {
        "metric": score.metric,
        "value": score.value,
        "std": score.std,
        "over": score.over,
        "role": score.role,
        "protocol": score.protocol,
        "step": score.step,
        "best": score.best,
        "floor": score.floor,
        "floor_std": score.floor_std,
        "precision": precision or row.precision,
        "labels": labels,
        "noises": noises,
        "noise_seed": score.noise_seed,
    }


@click.command()
@click.argument("run", metavar="RUN", type=RUN)
@json_option("all of `gentui runs`, and every score, alarm, file and setting changed")
@pass_app
def show_command(app: App, run: str, as_json: bool) -> None:
    """Show one run in detail."""
    index = app.index()
    row = app.find(index, run)
    details = _details(app, index, row)
    if as_json:
        out_json(details)
    else:
        _print_facts(row, details)
        _print_sections(row, index, details)


def _details(app: App, index: Index, row: RunRow) -> dict[str, Any]:
    """What ``show --json`` prints."""
    from gentui.jobs import pending
    from gentui.jobs.changes import changes_of

    run = RunDir(app.home / "runs" / row.id)
    nets, figures = _nets(run), index.figures(row.id)
    return described(index, row) | {
        "dir": str(run.path),
        "recipe_toml": _read(run),
        "changes": [_plain(change) for change in changes_of(run)],
        "samples": [str(run.path / sample.path) for sample in index.samples(row.id)],
        "figures": [str(run.path / figure.path) for figure in figures],
        "pictures": {figure.name: _plain(figure) | {"path": str(run.path / figure.path)} for figure in figures},
        "architecture": str(run.architecture_path) if nets else None,
        "nets": nets,
        "checkpoints": [_plain(checkpoint) for checkpoint in index.checkpoints(row.id)],
        "alerts": [_plain(alert) for alert in index.alerts(row.id)],
        "pending": [_plain(job) for job in pending(app.home, row.id)],
        "machine": {name: {"mean": mean, "most": most} for name, (mean, most) in index.system(row.id).items()},
    }


def _speed(row: RunRow) -> str:
    """Images per second, in total and on each of several devices."""
    total = full_rate(row.images_per_s)
    if not total or not row.images_per_s or row.devices == 1:
        return total
    return f"{total}, {full_rate(row.images_per_s / row.devices)} a device"


def _print_facts(row: RunRow, details: dict[str, Any]) -> None:
    from gentui.text.sanitize import clean

    facts = [
        ("run", row.id), ("name", row.name), ("note", _first_line(row.notes)),
        ("tags", " ".join(row.tags)), ("recipe", f"{row.recipe}: {row.title}"),
        ("status", f"{row.status}: {row.reason}" if row.reason else row.status), ("data", _data(row)),
        ("step", steps_of(row)), ("time", clock(row.seconds)), ("speed", _speed(row)),
        ("device", " ".join(filter(None, [row.device, row.precision]))), ("where", row.elsewhere), ("seed", row.seed),
        ("dir", details["dir"]), *(("scoring", f"{job['id']}: {job['standing']}") for job in details["pending"]),
    ]  # fmt: skip
    for key, value in facts:
        if value not in ("", None):
            out(f"{key:<8}{clean(value)}")


def _print_sections(row: RunRow, index: Index, details: dict[str, Any]) -> None:
    from gentui.text.sanitize import clean

    evaluations = index.evaluations(row.id)
    values = [_value(key, value) for key, value in sorted(row.metrics.items()) if not is_signal(key)]
    machine = [
        f"{name} = {plain_number(of['mean'])}, at most {plain_number(of['most'])}"
        for name, of in details["machine"].items()
    ]
    for title, lines in (
        ("notes", row.notes.splitlines()),
        ("settings changed", [_changed(change) for change in details["changes"]]),
        ("last values", values),
        ("scores", [*map(_score, evaluations), *scores.captions(evaluations)]),
        ("machine during training", machine),
        ("health", _health(row, index.alerts(row.id))),
        ("nets (architecture.txt)", details["nets"]),
        ("samples, the newest first", [_inside(path, details) for path in details["samples"][:-4:-1]]),
        (
            "figures, the newest of each",
            [
                _figure(figure | {"path": _inside(figure["path"], details)})
                for figure in details["pictures"].values()
            ],
        ),
    ):
        if lines:
            out()
            out(title)
            for line in lines:
                out(f"  {clean(line)}")


def _inside(path: str, details: dict[str, Any]) -> str:
    """A path below the run's directory, which is stated above."""
    return path.removeprefix(f"{details['dir']}/")


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return "" if not lines else lines[0] + (" …" if lines[1:] else "")


def _changed(change: dict[str, Any]) -> str:
    from gentui.jobs.changes import Change

    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(change["t"]))
    return f"{when}, before attempt {change['attempt']}: {'; '.join(Change(**change).lines)}"


def _value(key: str, value: float) -> str:
    return f"{key} = {plain_number(value)}"


def _health(row: RunRow, alerts: list[AlertRow]) -> list[str]:
    lines = [
        line
        for alert in alerts
        for line in (alarms.sentence(alert), *(f"    {a}" for a in alarms.advice(alert)))
    ] or [alarms.NO_ALARM]
    lines += [_value(alarms.signal_name(name), value) for name, value in alarms.signals(row.metrics).items()]
    return [*lines, *filter(None, [alarms.cost(row)])]


def _nets(run: RunDir) -> list[str]:
    """The headings of the run's ``architecture.txt``: each net with its number of parameters."""
    lines = run.architecture().splitlines()
    return [line for line in lines if line.endswith(" parameters") and ": " in line]


def _figure(figure: dict[str, Any]) -> str:
    return f"{figure['name']} at step {figure['step']}: {figure['path']}  {figure['caption']}".rstrip()


def _data(row: RunRow) -> str:
    return f"{row.dataset} (stands in for {row.stand_in_for})" if row.stand_in_for else row.dataset


def _score(score: Evaluation) -> str:
    best = " (best)" if score.best and score.role != "report" else ""
    floor = scores.floor_text(score, plain_number)
    value = f"{label(score)} {scores.value_in_full(score, plain_number)}"
    words = " ".join(filter(None, [value, score.role])) + best
    real = f", {scores.REAL_IMAGES} {floor}" if floor else ""
    return f"{words} at step {score.step}{real}: {score.protocol}"


def _plain(row: Any) -> dict[str, Any]:
    return dict(row) if isinstance(row, dict) else asdict(row)


def _read(run: RunDir) -> str:
    try:
        return read_head(run.recipe_path)
    except OSError:
        return ""


@click.command()
@click.argument("run", metavar="RUN", type=RUN)
@click.option("-f", "--follow", is_flag=True, help="Keep printing until the run has ended.")
@click.option("-n", "--lines", type=click.IntRange(0), metavar="N", help="Print only the last N lines.")
@pass_app
def logs_command(app: App, run: str, follow: bool, lines: int | None) -> None:
    """Print the output of a run's trainer, or of an evaluation (eval-…)."""
    from gentui import jobs
    from gentui.cli.commands.jobs import find_job

    found = jobs.get_job(app.home, find_job(app, run))
    position = _print_log(found, 0, lines)
    waited = 0
    while follow:
        # Read the state before the log, which then includes everything written before the end.
        state = jobs.settled(found)
        position = _print_log(found, position)
        if state is None or state.ended:
            return
        time.sleep(0.2)
        waited += 1
        if waited % 10 == 0:
            jobs.reconcile_and_spawn(app.home)


def _print_log(job: JobDir, position: int, last: int | None = None) -> int:
    """Print the log from byte ``position`` on, or its ``last`` lines; return the position reached.

    Of more than MOST_OF_LOG bytes, only the last are printed.
    """
    try:
        with os.fdopen(open_plain_file(job.log_path), "rb") as file:
            if (skipped := os.fstat(file.fileno()).st_size - position - MOST_OF_LOG) > 0:
                say(f"the log is long: its first {skipped:,} bytes are left out")
                position += skipped
            file.seek(position)
            data = file.read(MOST_OF_LOG)
    except FileNotFoundError:
        return position
    printed = data
    if last is not None:
        kept = data.splitlines(keepends=True)
        printed = b"".join(kept[-last:] if last else [])
    if printed:
        out_bytes(printed)
    return position + len(data)
