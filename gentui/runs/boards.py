"""Boards: the scores of one data set by one metric, with headings and protocols in words.

Only scores under one protocol are ranked together, and only they share a scale. Published figures whose protocol is not
known stand apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from gentui.runs.metric_names import INCEPTION, is_of_features, plain_name, score_name
from gentui.runs.scores import floor_text, is_selection
from gentui.text.numbers import plural
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from gentui.index import LeaderboardRow
    from gentui.runs.scores import Number

_SPLITS = {"train": "training images", "validation": "validation images", "test": "test images"}
_PUBLISHED = "as published: "


@dataclass(frozen=True)
class Ranking:
    """Rows that are ranked together, best first, runs and published figures of the same protocol."""

    rows: tuple[LeaderboardRow, ...]
    heading: str
    """Its protocol in words, without the data set and without what is the same for all rankings of its board."""

    @property
    def most(self) -> float:
        """The value that the longest bar stands for."""
        return most_of(self.rows)

    @property
    def origin(self) -> float:
        """The score of real images, from which bars grow logarithmically; 0 where bars are of the values themselves:
        beside published figures, where more is better, or where real images' score is not known."""
        first = self.rows[0]
        known = [row.floor for row in self.rows if row.floor and row.floor > 0]
        if not first.lower_is_better or not known or any(row.run is None for row in self.rows):
            return 0.0
        return min(known)


@dataclass(frozen=True)
class Board:
    """The scores of one data set by one metric. ``apart``: published figures that are ranked with no run."""

    dataset: str
    metric: str
    rankings: tuple[Ranking, ...]
    apart: tuple[LeaderboardRow, ...] = field(default=())
    measure: str = ""
    """``FD in digits-cnn features``, where this is the same for all its rankings."""
    counted: int = 0
    """The number of runs where rows stand for several; 0: each row is of one."""

    @property
    def key(self) -> str:
        return f"{self.dataset}\0{self.metric}"

    @property
    def rows(self) -> list[LeaderboardRow]:
        """All its rows: rankings first."""
        return [row for ranking in self.rankings for row in ranking.rows] + [*self.apart]

    @property
    def own(self) -> int:
        """The number of runs with a score."""
        return self.counted or len({row.run for row in self.rows if row.run})

    @property
    def papers(self) -> int:
        """The number of published figures."""
        return len({row.recipe for row in self.rows if row.run is None})

    @property
    def title(self) -> str:
        """``digits · FD in digits-cnn features, lower is better``."""
        better = "lower" if self.rows[0].lower_is_better else "higher"
        return f"{clean(self.dataset, 60)} · {self.measure or self.metric_name}, {better} is better"

    @property
    def metric_name(self) -> str:
        """The metric as all its rows may be called."""
        names = {metric_name(row) for row in self.rows if row.run} or {metric_name(row) for row in self.rows}
        return names.pop() if len(names) == 1 else plain_name(self.metric)


def metric_name(row: LeaderboardRow) -> str:
    """What the metric of a row is called; a published figure is called as its publication calls it."""
    return score_name(row.metric, INCEPTION if row.run is None else str(row.detail.get("extractor")))


def boards_of(rows: Iterable[LeaderboardRow]) -> list[Board]:
    """The boards of the index's rows, in their order: data sets with runs first, the metrics of one together."""
    grouped: dict[tuple[str, str], list[LeaderboardRow]] = {}
    for row in rows:
        grouped.setdefault((row.dataset, row.metric), []).append(row)
    boards = []
    for (dataset, metric), of in grouped.items():
        ranked = [row for row in of if row.rank is not None]
        groups = [list(group) for _, group in groupby(ranked, key=lambda row: row.ranking)]
        apart = sorted(
            (row for row in of if row.rank is None), key=lambda row: (row.protocol, _better_first(row))
        )
        headings = distinct_headings(groups)
        measures = {heading.partition(" · ")[0] for heading in headings}
        measure = measures.pop() if len(measures) == 1 else ""
        rankings = [
            Ranking(tuple(group), heading.removeprefix(measure).removeprefix(" · "))
            for group, heading in zip(groups, headings, strict=True)
        ]
        boards.append(Board(dataset, metric, tuple(rankings), tuple(apart), measure))
    return sorted(boards, key=lambda board: not board.own)


def _better_first(row: LeaderboardRow) -> float:
    return row.value if row.lower_is_better else -row.value


def distinct_headings(groups: Sequence[Sequence[LeaderboardRow]]) -> list[str]:
    """The headings of rankings of one board; what tells two apart that are worded alike is added from their
    protocols."""
    firsts = [next((row for row in group if row.run), group[0]) for group in groups]
    worded = [words_of(row) for row in firsts]
    parts = [row.protocol.split(" · ") for row in firsts]
    headings = []
    for at, heading in enumerate(worded):
        alike = [other for other, text in enumerate(worded) if text == heading and other != at]
        own = [part for part in parts[at] if any(part not in parts[other] for other in alike)]
        headings.append(" · ".join([heading, *(clean(part, 100) for part in own)]))
    return headings


def heading_of(row: LeaderboardRow) -> str:
    """``digits · FD in digits-cnn features · 200 samples vs 1,437 training images``."""
    return f"{clean(row.dataset, 60)} · {words_of(row)}"


def words_of(row: LeaderboardRow) -> str:
    """The protocol of a row in words: the metric, what judges, how many images. Of a protocol that does not say, its
    name."""
    detail, name = row.detail, metric_name(row)
    if row.run is None and not row.protocol_id:
        return f"{name} · {clean(row.protocol, 300)}"
    judge = clean(detail.get("extractor") or "", 60)
    is_distance = is_of_features(row.metric) or row.metric in ("precision", "recall")
    if judge:
        name += f" in {judge} features" if is_distance else f", judged by {judge}"
    counts = _counts(detail, is_distance)
    if not counts:
        named = clean(row.protocol, 300)
        counts = "" if named == row.metric else named.removeprefix(f"{row.metric} · ")
    return " · ".join(filter(None, [name, counts, "chose the checkpoint" if is_selection(row) else ""]))


def _counts(detail: dict[str, Any], is_distance: bool) -> str:
    samples, size = (_count(detail.get(key)) for key in ("samples", "split_size"))
    real = f"{size:,} {_SPLITS.get(str(detail.get('split')), 'real images')}" if size else ""
    if samples and is_distance and real:
        return f"{plural(samples, 'sample')} vs {real}"
    return plural(samples, "sample") if samples else real


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def how_measured(row: LeaderboardRow) -> str:
    """All that is known of how a score was made, in words."""
    if row.run is None and not row.detail:
        known = clean(row.protocol, 300)
        if known.startswith(_PUBLISHED):
            known = known.removeprefix(_PUBLISHED)
        return f"published: {known}"
    detail = row.detail
    words = [
        clean(detail.get("sampling") or "", 60),
        "averaged weights" if detail.get("ema") else "",
        f"labels {row.labels}" if row.labels else "",
        plural(row.noises, "noise") if row.noises else "",
        row.precision,
        f"weights of the judge {clean(detail['extractor_hash'], 8)}" if detail.get("extractor_hash") else "",
    ]
    return ", ".join(filter(None, words))


def real_data(row: LeaderboardRow, number: Number) -> str:
    """What real images score: ``real data 0.46 ± 0.03``, ``best possible: real test images score 0.994``; "" where
    that is not known."""
    floor = floor_text(row, number)
    if not floor:
        return ""
    return f"real data {floor}" if row.lower_is_better else f"best possible: real test images score {floor}"


def most_of(rows: Iterable[LeaderboardRow]) -> float:
    """The largest finite value of rows; 1 at least where more is better, for that is the most of an accuracy."""
    rows = list(rows)
    values = [row.value for row in rows if math.isfinite(row.value)]
    most = max(values, default=0.0)
    return max(most, 1.0) if rows and not rows[0].lower_is_better and most <= 1 else most


def bar(value: float, most: float, width: int, mark: str = "█", origin: float = 0.0) -> str:
    """A bar in at most ``width`` cells, at least one for a value above 0; "" for what has no length.

    From an ``origin`` above 0 it grows logarithmically: by equal lengths for equal factors, to ``most``.
    """
    if not (math.isfinite(value) and value > 0 and most > 0):
        return ""
    share = value / most
    if 0 < origin < most:
        share = math.log(max(value, origin) / origin) / math.log(most / origin)
    return mark * max(1, min(width, round(width * share)))


def folded(board: Board) -> Board:
    """The board with one row for the runs that differ only in their seed: that of the best of them, with the mean of
    all ± its standard deviation as its score, ranked by that."""
    rankings = tuple(replace(each, rows=_folded(each.rows)) for each in board.rankings)
    return replace(board, rankings=rankings, counted=board.own)


def _folded(rows: Sequence[LeaderboardRow]) -> tuple[LeaderboardRow, ...]:
    kept: dict[object, LeaderboardRow] = {}
    for place, row in enumerate(rows):
        is_one_of_several = row.run is not None and row.mean is not None and (row.seeds or 0) > 1
        if not is_one_of_several:
            kept[place] = row
            continue
        key = (row.recipe, row.mean, row.sd, row.seeds)
        over = row.sd_over or f"{row.seeds} training seeds"
        kept.setdefault(key, replace(row, value=row.mean, std=row.sd, over=over, seeds=None, seed=None))
    best_first = sorted(kept.values(), key=_better_first)
    return tuple(replace(row, rank=rank) for rank, row in enumerate(best_first, 1))


def order_agrees(board: Board) -> str:
    """Whether runs of recipes with published figures of another protocol stand in the order of these, as a sentence; ""
    where fewer than two do."""
    published = {row.recipe: row.value for row in board.apart}
    if not board.rankings or len(published) < 2:
        return ""
    best: dict[str, LeaderboardRow] = {}
    for row in board.rankings[0].rows:
        if row.run and row.recipe in published:
            best.setdefault(row.recipe, row)
    names = list(best)
    pairs = [(a, b) for at, a in enumerate(names) for b in names[at + 1 :]]
    if not pairs:
        return ""
    sign = 1 if board.rows[0].lower_is_better else -1
    agreeing = sum(sign * published[a] <= sign * published[b] for a, b in pairs)
    if agreeing == len(pairs):
        return f"Your order is the published one: {' before '.join(names)}."
    return f"Your order agrees with the published one in {agreeing} of {plural(len(pairs), 'pair')}."
