"""Which of a run's scores are one series: those along the run, under one protocol."""

from __future__ import annotations

from gentui.index.rows import REPORT, Evaluation


def protocol_of(metric: str, scores: list[Evaluation]) -> str:
    """The protocol that most of a metric's scores along the run have."""
    protocols = [score.protocol_id or score.protocol for score in along_the_run(metric, scores)]
    return max(dict.fromkeys(protocols), key=protocols.count, default="")


def along_the_run(metric: str, scores: list[Evaluation]) -> list[Evaluation]:
    """A metric's scores without its reports, which are of one checkpoint; if it has nothing else, the reports."""
    of = [score for score in scores if score.metric == metric]
    return [score for score in of if score.role != REPORT] or of
