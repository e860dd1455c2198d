"""A report of runs: one page as HTML and as Markdown, with pictures and curves beside it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tomli

from engine.runs.directory import RunDir
from engine.runs.files import read_plain_file
from gentui.export.curves import COLUMNS, curves
from gentui.export.files import write_bytes, write_text
from gentui.export.formats import markdown_text
from gentui.metrics import grouping
from gentui.runs import alarms, scores
from gentui.runs.metric_names import label
from gentui.text.numbers import full_rate, significant
from gentui.text.paths import resolve_inside
from gentui.text.sanitize import clean, clean_lines

if TYPE_CHECKING:
    from gentui.index import Evaluation, Index, LeaderboardRow, RunRow

CURVES = 16
MOST_OTHERS = 40  # rows of the comparison, for each data set and metric
PICTURES, LARGEST_PICTURE = {".png", ".gif"}, 256 << 20
ROOM_FOR_NOTES = "What was observed:"
AGAINST = "Against the others"


@dataclass
class Section:
    """One run in the report. ``curves`` and ``pictures`` are (file name in the report's folder, caption), ``alarms``
    (symptom, advice); ``captions`` explain its scores, ``cost`` says how long they took."""

    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    summary: str = ""
    scores: list[list[str]] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    alarms: list[tuple[str, list[str]]] = field(default_factory=list)
    cost: str = ""
    curves: list[tuple[str, str]] = field(default_factory=list)
    pictures: list[tuple[str, str]] = field(default_factory=list)
    architecture: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settings: list[tuple[str, str]] = field(default_factory=list)


SCORE_HEAD = ["Metric", "Value", "± over", "Real images", "Published", "Step", "Precision", "Protocol"]
OTHERS_HEAD = ["Rank", "Value", "± over", "Over seeds", "Recipe", "Run", "Step", "Protocol"]


@dataclass
class Comparison:
    """The scores that stand for all runs on one data set in one metric, and the published figures."""

    title: str
    rows: list[list[str]]
    captions: list[str]


def write_report(home: Path, runs: Sequence[str], folder: Path) -> list[Path]:
    """Write ``index.html``, ``report.md`` and their pictures into ``folder``, created if missing; returns both pages.

    ``runs`` are ids. Raises OSError if the folder cannot be written, KeyError for an unknown id.
    """
    from gentui.index import Index

    index = Index(home)
    index.refresh(wait=2.0)
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    sections = [_section(index, index.run(run_id), RunDir(home / "runs" / run_id), folder) for run_id in runs]
    others = _others(index, runs)
    pages = {"index.html": _html(sections, others), "report.md": _markdown(sections, others)}
    for name, text in pages.items():
        write_text(folder / name, text)
    return [folder / name for name in pages]


def _section(index: Index, row: RunRow, run: RunDir, folder: Path) -> Section:
    section = Section(clean(f"{row.recipe}: {row.title}" if row.title else row.recipe or row.id))
    parameters = f"{row.parameters:,}" if row.parameters else ""
    section.facts = [
        (key, clean(value))
        for key, value in (
            ("Run", row.id), ("Name", row.name), ("Tags", " ".join(row.tags)),
            ("Status", f"{row.status}: {row.reason}" if row.reason else row.status),
            ("Data", row.dataset + (f" (stands in for {row.stand_in_for})" if row.stand_in_for else "")),
            ("Form", "quick" if row.quick else ""), ("Parameters", parameters), ("Steps", row.step),
            ("Images seen", f"{row.images:,}"), ("Seconds", f"{row.seconds:.1f}"),
            ("Speed", full_rate(row.images_per_s)),
            ("Device", f"{row.device} {row.precision}".strip()), ("Where", row.elsewhere), ("Seed", row.seed),
        )
        if value not in ("", None)
    ]  # fmt: skip
    evaluations = index.evaluations(row.id)
    section.scores = [_score(score, row) for score in evaluations]
    section.captions = scores.captions(evaluations)
    section.alarms = [
        (clean(alarms.sentence(alert)), [clean(line) for line in alarms.advice(alert)])
        for alert in index.alerts(row.id)
    ]
    section.cost = alarms.cost(row)
    section.notes = clean_lines(row.notes) if row.notes else []
    section.settings, section.summary = _settings(run)
    section.curves = _curves(index, row, folder)
    section.pictures = _pictures(index, row, run, folder)
    architecture = run.architecture().rstrip("\n")
    section.architecture = clean_lines(architecture) if architecture else []
    return section


def _score(score: Evaluation, row: RunRow) -> list[str]:
    """A score under ``SCORE_HEAD``."""
    published = row.reference if row.reference and not row.stand_in_for else {}
    figure = published.get("value") if published.get("metric") == score.metric else None
    role = "report" if score.role == "report" else "best" if score.best else ""
    return [
        label(score), f"{scores.value_text(score, significant)}{f' ({role})' if role else ''}",
        scores.over_text(score), scores.floor_text(score, significant), "" if figure is None else f"{figure:g}",
        f"{score.step}", score.conditions.precision or row.precision, clean(score.protocol),
    ]  # fmt: skip


def _others(index: Index, runs: Sequence[str]) -> list[Comparison]:
    board = index.leaderboard()
    found: dict[tuple[str, str], list[LeaderboardRow]] = {
        (row.dataset, row.metric): [] for row in board if row.run in runs
    }
    for row in board:
        if (row.dataset, row.metric) in found:
            found[row.dataset, row.metric].append(row)
    comparisons = []
    for (dataset, metric), rows in found.items():
        better = "lower" if rows[0].lower_is_better else "higher"
        shown = [row for row in rows if row.run in runs or row.run is None]
        others = [row for row in rows if row not in shown][: max(0, MOST_OTHERS - len(shown))]
        lines = [_other(row, runs) for row in rows if row in shown or row in others]
        captions = [*scores.captions(rows), *scores.seeds_captions(rows)]
        comparisons.append(Comparison(clean(f"{metric} on {dataset} ({better} is better)"), lines, captions))
    return comparisons


def _other(row: LeaderboardRow, runs: Sequence[str]) -> list[str]:
    who = f"{row.name or row.run}{' (here)' if row.run in runs else ''}" if row.run else row.source
    return [
        "published" if row.run is None else str(row.rank or ""),
        scores.value_text(row, significant),
        scores.over_text(row),
        scores.over_seeds(row, significant),
        clean(row.recipe) + (" (quick)" if row.quick else ""),
        clean(" ".join(filter(None, [who, alarms.named(row.alarms)]))),
        "" if row.step is None else str(row.step),
        clean(row.protocol),
    ]


def _settings(run: RunDir) -> tuple[list[tuple[str, str]], str]:
    try:
        raw = tomli.loads(read_plain_file(run.recipe_path).decode())
    except (OSError, ValueError, RecursionError):
        return [], ""
    settings = [
        (clean(f"{table}.{key}"), clean(value))
        for table, values in raw.items()
        if isinstance(values, dict) and table not in ("quick", "reference")
        for key, value in values.items()
    ]
    return settings, clean(raw.get("summary", ""), 2000)


def _curves(index: Index, row: RunRow, folder: Path) -> list[tuple[str, str]]:
    """Draw the run's curves, related metrics in one picture: losses first, then scores, then the others."""
    names = index.metric_keys(row.id)
    scored = {score.metric for score in index.evaluations(row.id)} - set(names)
    drawn = []
    for group in grouping.charts(names, scored):
        charts = [
            (
                clean(name, 60),
                index.score_series(row.id, name) if name in scored else index.series(row.id, name, COLUMNS),
            )
            for name in group
        ]
        if all(series.points < 2 for _, series in charts) or not (svg := curves(charts)):
            continue
        name = f"pictures/{row.id}-curve-{len(drawn)}.svg"
        write_text(folder / name, svg)
        drawn.append((name, ", ".join(name for name, _ in charts)))
        if len(drawn) == CURVES:
            break
    return drawn


def _pictures(index: Index, row: RunRow, run: RunDir, folder: Path) -> list[tuple[str, str]]:
    """Copy the first and the last sample grid and the newest figure of each name, animations last."""
    grids = index.samples(row.id)
    ends = [grids[0], grids[-1]] if len(grids) > 1 else grids
    chosen = [("samples", grid) for grid in ends]
    newest = {figure.name: figure for figure in index.figures(row.id)}
    chosen += sorted(newest.items(), key=lambda item: (item[1].path.endswith(".gif"), item[0]))
    copied = []
    for number, (what, picture) in enumerate(chosen):
        source = resolve_inside(run.path, picture.path)
        if source is not None and source.suffix.lower() in PICTURES:
            name = f"pictures/{row.id}-{number}{source.suffix.lower()}"
            try:
                content = read_plain_file(source, LARGEST_PICTURE)
            except OSError:
                continue
            write_bytes(folder / name, content)
            caption = f": {picture.caption}" if picture.caption else ""
            copied.append((name, clean(f"{what} at step {picture.step}{caption}", 600)))
    return copied


def _html(sections: list[Section], others: list[Comparison]) -> str:
    e = html.escape

    def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        top = f"<tr>{''.join(f'<th>{e(cell)}</th>' for cell in head)}</tr>" if head else ""
        body = "".join(f"<tr>{''.join(f'<td>{e(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
        return f"<table>{top}{body}</table>\n"

    def paragraphs(texts: Sequence[str]) -> str:
        return "".join(f"<p>{e(text)}</p>\n" for text in texts)

    def figure(name: str, caption: str) -> str:
        shown = f'<img src="{e(name)}" alt="{e(caption)}">'
        return f"<figure>{shown}<figcaption>{e(caption)}</figcaption></figure>\n"

    parts = []
    for section in sections:
        parts.append(f"<h2>{e(section.title)}</h2>\n<p>{e(section.summary)}</p>\n{table([], section.facts)}")
        if section.scores:
            parts.append(f"<h3>Scores</h3>\n{table(SCORE_HEAD, section.scores)}{paragraphs(section.captions)}")
        items = "".join(f"<li>{'<br>'.join(map(e, [seen, *advice]))}</li>" for seen, advice in section.alarms)
        parts.append(f"<h3>Health</h3>\n{f'<ul>{items}</ul>' if items else f'<p>{alarms.NO_ALARM}</p>'}\n")
        parts += [f"<p>{e(section.cost)}</p>\n"] if section.cost else []
        for title, pictures in (("Curves", section.curves), ("Pictures", section.pictures)):
            if pictures:
                parts.append(f"<h3>{title}</h3>\n")
                parts += [figure(name, caption) for name, caption in pictures]
        if section.architecture:
            text = e("\n".join(section.architecture))
            parts.append(f"<details><summary>Architecture</summary><pre>{text}</pre></details>\n")
        if section.settings:
            settings = table(["Setting", "Value"], section.settings)
            parts.append(f"<details><summary>Settings</summary>{settings}</details>\n")
        parts.append(
            f"<h3>{ROOM_FOR_NOTES}</h3>\n<p contenteditable>{'<br>'.join(map(e, section.notes))}</p>\n"
        )
    if others:
        parts.append(f"<h2>{AGAINST}</h2>\n")
        parts += [
            f"<h3>{e(other.title)}</h3>\n{table(OTHERS_HEAD, other.rows)}{paragraphs(other.captions)}"
            for other in others
        ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>gentui report</title>\n'
        "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}"
        "table{border-collapse:collapse}td,th{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}"
        "figure{margin:1em 0}img{max-width:100%;image-rendering:pixelated}pre{overflow-x:auto;font-size:12px}"
        "[contenteditable]{min-height:4em;border:1px solid #ccc;padding:.5em}</style></head>\n"
        f"<body>\n<h1>Report</h1>\n{''.join(parts)}</body></html>\n"
    )


def _markdown(sections: list[Section], others: list[Comparison]) -> str:
    m = markdown_text

    def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        lines = [f"| {' | '.join(map(m, row))} |" for row in rows]
        return [f"| {' | '.join(map(m, head))} |", "|" + "---|" * len(head), *lines, ""]

    def paragraphs(texts: Sequence[str]) -> list[str]:
        return [line for text in texts for line in (m(text), "")]

    lines = ["# Report", ""]
    for section in sections:
        lines += [f"## {m(section.title)}", "", m(section.summary), "", *table(["", ""], section.facts)]
        if section.scores:
            lines += ["### Scores", "", *table(SCORE_HEAD, section.scores), *paragraphs(section.captions)]
        lines += ["### Health", "", *([] if section.alarms else [alarms.NO_ALARM, ""])]
        for seen, advice in section.alarms:
            lines += [f"- {m(seen)}", *(f"  - {m(line)}" for line in advice)]
        lines += [""] if section.alarms else []
        lines += [m(section.cost), ""] if section.cost else []
        for title, pictures in (("Curves", section.curves), ("Pictures", section.pictures)):
            lines += [f"### {title}", ""] if pictures else []
            for name, caption in pictures:
                lines += [f"![{m(caption)}]({name})", "", m(caption), ""]
        if section.architecture:
            fence = "`" * max(
                3, 1 + max(map(len, re.findall("`+", "\n".join(section.architecture))), default=0)
            )
            lines += ["### Architecture", "", fence, *section.architecture, fence, ""]
        if section.settings:
            lines += ["### Settings", "", *table(["Setting", "Value"], section.settings)]
        lines += [f"### {ROOM_FOR_NOTES}", "", *(f"{m(line)}  " if line else "" for line in section.notes), ""]
    for other in others:
        lines += [f"## {AGAINST}", ""] if other is others[0] else []
        lines += [f"### {m(other.title)}", "", *table(OTHERS_HEAD, other.rows), *paragraphs(other.captions)]
    return "\n".join(lines)
