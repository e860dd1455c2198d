"""What drawing and scoring took, and what remains of a run with them."""

from __future__ import annotations

import pytest

from engine.runs.directory import RunDir, State
from gentui.index import Index, visits
from gentui.index.rows import RunRow
from gentui.tui.screens.runs_table import progress_of
from gentui.tui.widgets.run_header import lines_of
from tests.support.index import Log, dump

RECIPE = "[train]\nsteps = 100\n[sample]\ntimes = 2\n[evaluate]\ntimes = 1\nnoises = 2\n"
SAMPLING, SCORING, CHECKING, REPORTING = 3.0, 10.0, 1.0, 20.0


@pytest.fixture
def make_run(home):
    def make_run(status="running", **info) -> RunDir:
        state = State(status=status, attempt=1, slot="cpu", exit_code=None if status == "running" else 0)
        known = {"recipe": "digits-unet", "family": "diffusion", "dataset": "digits", "quick": False, "seed": 0,
                 "created_at": 1.7e9, "total_steps": 100}  # fmt: skip
        return RunDir.create(home, RECIPE, {**known, **info}, state)

    return make_run


class Trainer:
    """Writes the log of a run of 100 steps of a second each."""

    def __init__(self, run: RunDir):
        self.log, self.now, self.step = Log(run), 100.0, 0
        self.log.start(mono=self.now)

    def train(self, to: int) -> Trainer:
        for step in range(self.step + 1, to + 1):
            self.now += 1.0
            values = {"loss": 1.0, "images_per_s": 8.0}
            self.log.add("metrics", step, mono=self.now, values=values)
        self.step = to
        return self

    def phase(self, name: str, seconds: float, until: float = 1.0) -> Trainer:
        """A phase, told four times, as far as the part ``until`` of it."""
        for quarter in range(int(4 * until) + 1):
            told = {"status": "phase", "phase": name, "done": quarter, "total": 4}
            self.log.add("status", self.step, mono=self.now + seconds * quarter / 4, **told)
        self.now += seconds * until
        return self

    def sample(self) -> Trainer:
        return self.phase("sampling", SAMPLING)

    def score(self) -> Trainer:
        return self.phase("evaluating", SCORING).phase("checking samples", CHECKING)


def row_of(index: Index, run: RunDir) -> RunRow:
    """The row as it is while the trainer is at work."""
    index.refresh()
    row = index.run(run.id)
    assert row.phase is not None
    return row


@pytest.fixture(autouse=True)
def alive(monkeypatch):
    """No trainer is there whose lock could be held: the state file is believed."""
    monkeypatch.setattr("gentui.index.status.status_now", lambda run, state: (state.status, state.reason))


def test_the_log_tells_what_each_visit_took(index, make_run):
    run = make_run()
    trainer = Trainer(run).train(50).sample().train(100).sample().score().phase("making the report", REPORTING)
    trainer.log.add("status", 100, mono=trainer.now, status="done")
    index.refresh()
    db = index._reader()
    assert db is not None
    spent = {(kind, step): seconds for kind, step, seconds in db.execute(visits._SPENT, (run.id,))}
    assert spent == pytest.approx(
        {("sample", 50): SAMPLING, ("sample", 100): SAMPLING, ("score", 100): SCORING, ("check", 100): CHECKING,
         ("report", 100): REPORTING}
    )  # fmt: skip


def test_without_any_experience_there_is_no_estimate(index, make_run):
    run = make_run()
    Trainer(run).train(40)
    row = row_of(index, run)
    assert row.eta_is_partial and row.eta_s is not None
    line = "".join(text for text, _ in lines_of(row, 120)[1])
    assert "train " in line and "sample 0/2" in line and "score 0/1" in line and "no estimate yet" in line


def test_earlier_runs_of_the_recipe_say_what_scoring_takes(index, make_run):
    done = make_run("done")
    trainer = Trainer(done).train(50).sample().train(100).sample().score().phase("making the report", REPORTING)
    trainer.log.add("status", 100, mono=trainer.now, status="done")
    run, other = make_run(), make_run(recipe="digits-vae")
    Trainer(run).train(40)
    Trainer(other).train(40)
    row = row_of(index, run)
    training = row.eta_s - 2 * SAMPLING - SCORING - 2 * CHECKING - REPORTING
    assert not row.eta_is_partial and training == pytest.approx((1000 * 8 - 40 * 8) / 8)
    assert row_of(index, other).eta_is_partial, "that of another recipe"


def test_at_the_last_step_the_end_is_not_there_yet(index, make_run):
    run = make_run()
    trainer = Trainer(run).train(50).sample().train(100).sample()
    trainer.log.add("status", 0, mono=trainer.now, status="started", total_steps=100, total_images=800)
    trainer.phase("evaluating", SCORING, until=0.5)
    row = row_of(index, run)
    assert row.phase == "evaluating 2/4"
    assert row.eta_s >= SCORING / 2, "half of the score is to come"
    assert progress_of(row) == "scoring   99%"
    line = "".join(text for text, _ in lines_of(row, 120)[1])
    assert "sample 2/2" in line and "░" in line and "0/1" in line and "0s left" not in line, line


@pytest.mark.parametrize(
    ("phase", "step", "cell"),
    [
        ("reading data 0/5000", 0, "reading data"), ("building the net", 0, "building net"),
        ("choosing the precision", 0, "precision"), ("", 50, "████░░░░  50%"), ("sampling 4/18", 50, "sampling  50%"),
        ("making the report 1/9", 100, "reporting 99%"), ("", 100, "███████▉  99%"),
    ],
)  # fmt: skip
def test_the_cell_of_a_live_run_says_what_it_does(phase, step, cell):
    row = RunRow("id", status="running", step=step, steps=100, phase=phase)
    assert progress_of(row) == cell and len(cell) <= 13


def test_one_that_has_ended_is_whole_and_has_no_bar():
    assert progress_of(RunRow("id", status="done", step=100, steps=100)).strip() == "100%"


def test_what_a_run_forgets_it_has_not_spent(index, make_run):
    run = make_run()
    Trainer(run).train(50).sample().train(100).sample()
    index.refresh()
    Log(run, attempt=2, began=500.0).start(60, status="resumed")
    index.refresh()
    db = index._reader()
    assert db is not None
    assert {step for _, step, _ in db.execute(visits._SPENT, (run.id,))} == {50}


def test_the_speed_of_several_devices_is_that_of_all_and_of_each(index, make_run):
    run = make_run()
    log = Trainer(run).train(10).log
    log.add("status", 10, mono=200.0, status="resumed", device="cpu", devices=2, total_steps=100)
    row = row_of(index, run)
    assert (row.device, row.devices, row.place) == ("2 × cpu", 2, "2 × cpu")
    assert "  8.0 img/s (2 × 4.0)" in "".join(text for text, _ in lines_of(row, 120)[1])


def test_a_log_that_is_read_in_parts_gives_the_same_as_one_that_is_read_at_once(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 6), loss=float)
    parts = [
        [("status", 5, {"status": "phase", "phase": "evaluating", "done": 0, "total": 1})],
        [
            (
                "evaluation",
                7,
                {"metric": "fid", "value": 3.0, "protocol": "p", "protocol_id": "p", "seconds": 2.0},
            )
        ],
        [("sample", 8, {"path": "samples/a.png", "caption": "", "rows": 1, "columns": 1})],
        [("figure", 9, {"name": "strip", "path": "figures/a.png", "caption": ""})],
    ]
    for part in parts:
        index.refresh()
        for kind, step, fields in part:
            log.add(kind, step, **fields)
    index.refresh()
    in_parts = dump(index.path)["visits"]
    index.rebuild()
    assert dump(index.path)["visits"] == in_parts and in_parts
