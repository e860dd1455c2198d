"""Alarms and standard deviations of real event logs in every format of the table, and in the report."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter
from gentui.export import FORMATS, render
from gentui.export.report import write_report

NASTY = '\x1b[2J\u202e<script>x</script> | *b* [l](x) `c` =1+1 "q"'
ALARM = {
    "severity": "warning",
    "name": "blob",
    "sentence": "All samples look alike.",
    "cause": "c",
    "remedy": "r",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir(mode=0o700)
    return tmp_path / "home"


@pytest.fixture
def make_run(home: Path) -> Callable[..., RunDir]:
    def make_run(
        *alarms: dict[str, Any], seed: int = 0, std: float | None = None, value: float = 3.0
    ) -> RunDir:
        info = {"name": "n", "recipe": "r", "title": "t", "family": "f", "dataset": "toy", "seed": seed}
        text = f'name = "r"\n[train]\nseed = {seed}\n'
        run = RunDir.create(home, text, info, State(status="done", attempt=1, exit_code=0))
        writer = EventWriter(run.events_path(1))
        first = writer.stamp("metrics", step=1, images=8, values={"loss": 1.0, "health/recall": 0.5})
        writer.emit_many([first, {**first, "step": 10, "images": 80, "mono": first["mono"] + 50.0}])
        writer.emit(
            "evaluation", step=10, images=80, metric="kid", value=value, std=std, lower_is_better=True,
            protocol="kid · n=500", protocol_id="p", protocol_detail={"samples": 500}, floor=None, seconds=5.0,
        )  # fmt: skip
        for alarm in alarms:
            writer.emit("alert", step=10, images=80, **{**ALARM, "began": 4, **alarm})
        writer.close()
        return run

    return make_run


def table(text: str) -> dict[str, str]:
    (row,) = [row for row in csv.DictReader(io.StringIO(text)) if row["kind"] == "run"]
    return row


def test_a_row_names_the_alarms_the_worst_first(home, make_run):
    make_run({}, {"severity": "info", "name": "data"}, {"severity": "error", "name": "non-finite"})
    assert table(render(home, "csv"))["alarms"] == "non-finite, blob, data"
    (row,) = [row for row in json.loads(render(home, "json")) if row["kind"] == "run"]
    assert row["alarms"] == "non-finite, blob, data"
    for format in FORMATS:
        assert "non-finite, blob, data" in render(home, format)


def test_a_row_of_a_run_without_alarms_names_none(home, make_run):
    make_run()
    assert table(render(home, "csv"))["alarms"] == ""
    assert json.loads(render(home, "json"))[0]["alarms"] is None


def test_a_value_stands_with_its_standard_deviation(home, make_run):
    make_run(value=0.02, std=0.00123)
    row = table(render(home, "csv"))
    assert (row["value"], row["std"]) == ("0.02", "0.00123"), "programs get every digit"
    for format in ("md", "html"):
        assert "0.0200 ± 0.0012" in render(home, format)
    assert r"0.0200 $\pm$ 0.0012" in render(home, "latex")


def test_what_an_alarm_is_called_is_markup_nowhere(home, make_run):
    run = make_run({"name": NASTY, "sentence": NASTY, "cause": NASTY, "remedy": NASTY})
    write_report(home, [run.id], home / "report")
    texts = [render(home, format) for format in FORMATS]
    texts += [(home / "report" / page).read_text() for page in ("index.html", "report.md")]
    for text in texts:
        assert not set(text) & set("\x1b\u202e")
    pages = [texts[list(FORMATS).index("html")], texts[list(FORMATS).index("md")], *texts[len(FORMATS) :]]
    for page in pages:
        assert "<script>" not in page
    for line in [*pages[1].splitlines(), *pages[3].splitlines()]:
        assert not re.search(r"(?<!\\)\*b\*|(?<!\\)\[l\]\(x\)", line)


class Sections(html.parser.HTMLParser):
    """The text under each heading."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._in_heading, self._here = False, ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._in_heading = tag in ("h2", "h3")
        if self._in_heading:
            self._here = ""

    def handle_endtag(self, tag):
        self._in_heading &= tag not in ("h2", "h3")

    def handle_data(self, data):
        if self._in_heading:
            self._here += data
        else:
            self.found[self._here] = self.found.get(self._here, "") + data


def test_a_report_tells_every_alarm_in_words_and_what_the_scores_cost(home, make_run):
    run = make_run({}, {"severity": "error", "name": "non-finite", "sentence": "The loss is no number."})
    write_report(home, [run.id], home / "report")
    page = Sections((home / "report" / "index.html").read_text()).found["Health"]
    text = (home / "report" / "report.md").read_text()
    part = text[text.index("### Health") : text.index("### ", text.index("### Health") + 4)]
    for found in (page, part):
        assert "▲ warning: All samples look alike. (blob, since step 4)" in found
        assert "‼ error: The loss is no number. (non-finite, since step 4)" in found
        assert "cause: c" in found and "try: r" in found
        assert "scoring: 5 s of 50 s (10 %)" in found
    assert part.count("\n- ") == 2 and part.count("\n  - ") == 4


def test_a_report_of_a_well_run_says_so(home, make_run):
    run = make_run()
    write_report(home, [run.id], home / "report")
    assert "no problems found" in Sections((home / "report" / "index.html").read_text()).found["Health"]
    assert "### Health\n\nno problems found\n" in (home / "report" / "report.md").read_text()


def test_a_report_stands_runs_beside_others_with_their_spread_and_their_alarms(home, make_run):
    runs = [make_run(*alarms, seed=seed, value=10.0 + seed) for seed, alarms in enumerate(([], [], [{}]))]
    write_report(home, [runs[0].id], home / "report")
    text = (home / "report" / "report.md").read_text()
    others = text[text.index("Against the others") :].splitlines()
    rows = [[cell.strip() for cell in line.split("|")] for line in others if re.match(r"\| \d ", line)]
    assert [(row[2], row[4]) for row in rows] == [
        (f"{value}", "11.0 ± 1.0 (3 seeds)") for value in (10, 11, 12)
    ]
    assert [row[6].endswith("▲ blob") for row in rows] == [False, False, True]
    assert any("mean ± standard deviation over 3 training seeds" in line for line in others)
