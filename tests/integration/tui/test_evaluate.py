"""Scoring a run from the app: the form, the queue, and what is told when it is over."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from engine.recipes.recipe import load
from gentui import jobs
from gentui.jobs.job_types import EVALUATIONS, EvaluationDir
from gentui.tui.widgets.settings import SettingsForm
from tests.support.textual_private import notices

FAKE = Path(__file__).parents[2] / "support" / "fake_evaluator.py"


@pytest.fixture
def run(runs, monkeypatch):
    """A trained run with a checkpoint; its scoring behaves as the keywords say."""
    monkeypatch.setenv("GENTUI_EVALUATOR", json.dumps([sys.executable, "-P", str(FAKE)]))

    def make(recipe: str = "digits-unet", **scoring: object):
        made = runs.make(recipe)
        settings = load(made.recipe_path).model_copy(update={"summary": json.dumps({"scoring": scoring})})
        made.recipe_path.write_text(settings.to_toml())
        for name in ("last", "kept-000000100"):
            (made.checkpoints / name).mkdir()
        return made

    return make


def queued(home: Path) -> list[EvaluationDir]:
    return [EVALUATIONS.open(home / "evaluations" / name) for name in EVALUATIONS.ids(home)]


def messages(d) -> list[tuple[str, str]]:
    return [(notice.message, notice.severity) for notice in notices(d.app)]


async def test_the_form_queues_what_it_shows_and_the_score_appears(desk, size, home, run):
    made = run()
    async with desk(size) as d:
        screen = await d.opens("RunScreen", "4")
        await d.until(lambda: screen.snapshot and screen.snapshot.evaluations)
        dialog = await d.opens("EvaluateScreen", "E")
        form = dialog.query_one(SettingsForm)
        assert [entry.label for entry in form.entries] == [
            "metrics", "weights", "split", "samples", "extractor", "noises", "seed", "labels", "sampler", "steps",
            "guidance", "statistics", "checkpoint",
        ]  # fmt: skip
        assert form.entries[-1].choices == ("last", "100")
        await d.sees("Evaluate digits-unet", "metrics", "samples", "checkpoint", f"$ gentui evaluate {made.id}")
        await d.press(*",kid", "down", "down", "right", "down", *("backspace",) * 3, *"20")
        assert dialog.options == {"metrics": "fid,kid", "split": "test", "samples": 20}
        await d.sees("--metrics fid,kid", "--split test", "--samples 20")
        await d.press("f5")
        await d.on("RunScreen")
        (job,) = await d.until(lambda: queued(home))
        assert job.run().id == made.id and job.options() == dialog.options
        assert json.loads(job.job_path.read_text())["command"] == dialog.command()
        await d.until(lambda: any("Queued: gentui evaluate" in text for text, _ in messages(d)))
        await d.until(lambda: any(score.value == 12.5 for score in screen.snapshot.evaluations))
        await d.until(lambda: ("digits-unet was evaluated: FD · digits-cnn 12.5", "information") in messages(d))


async def test_mistakes_stand_beside_their_field_and_nothing_is_queued(desk, size, home, run):
    run()
    async with desk(size) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("digits-unet")
        dialog = await d.opens("EvaluateScreen", "E")
        form = dialog.query_one(SettingsForm)
        await d.press(*",fit")
        assert "names out of fid" in dialog.problems["evaluate.also"] and form.entry.problem
        await d.press("f5")
        assert type(d.app.screen).__name__ == "EvaluateScreen"
        await d.press("f4")
        assert not dialog.problems
        while form.entry.label != "samples":
            await d.press("down")
        await d.press(*"x")
        assert "whole number" in form.entry.problem
        await d.sees("✗")
        await d.press("f4")
        while form.entry.label != "guidance":
            await d.press("down")
        await d.press("2")
        assert "guidance" in " ".join(dialog.problems)
        await d.press("escape")
        await d.on("RunsScreen")
        assert queued(home) == []


async def test_a_failure_is_told_with_its_sentence(desk, home, run):
    run(exit=4, says="no weights of inception here: `gentui data fetch inception` gets them")
    async with desk() as d:
        await d.opens("RunScreen", "4")
        await d.opens("EvaluateScreen", "E")
        await d.press("f5")
        told = "digits-unet was not evaluated: no weights of inception here: `gentui data fetch inception` gets them"
        await d.until(lambda: (told, "error") in messages(d))


async def test_what_scores_a_run_can_be_stopped_from_its_view(desk, home, run):
    made = run(images=1000, pause=0.02)
    async with desk() as d:
        await d.opens("RunScreen", "4")
        job = jobs.evaluate(home, made.id, {})  # by somebody else
        await d.sees("◇ 1 scoring")
        await d.until(lambda: job.read_state().status == "running")
        await d.press("S")
        await d.on("ConfirmScreen")
        await d.sees("Stop the scoring of digits-unet (")
        await d.press("y")
        await d.until(lambda: job.read_state().status == "stopped")
        await d.until(lambda: any("stopped before there was a score" in text for text, _ in messages(d)))
        await d.until(lambda: "scoring" not in d.text.splitlines()[0])


async def test_a_run_without_a_checkpoint_opens_no_form(desk, home, runs):
    runs.make()
    async with desk() as d:
        await d.opens("RunScreen", "4")
        await d.press("E")
        await d.until(lambda: any("has no checkpoint yet" in text for text, _ in messages(d)))
        await d.press("S")
        await d.until(lambda: any("there is nothing to stop" in text for text, _ in messages(d)))
        assert queued(home) == []


async def test_a_run_that_makes_no_images_has_only_its_checkpoint_to_choose(desk, home, run):
    run("digitsm-digits-dann")
    async with desk() as d:
        await d.opens("RunScreen", "4")
        dialog = await d.opens("EvaluateScreen", "E")
        assert [entry.label for entry in dialog.query_one(SettingsForm).entries] == ["checkpoint"]
