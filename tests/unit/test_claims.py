"""The programme of claims names recipes, settings and runs that exist, and measures what it says it measures."""

from __future__ import annotations

import pytest
import torch

from engine.recipes.recipe import load
from tests.claims.experiments import EXPERIMENTS, title
from tests.claims.measures import corners, deviation, edges
from tests.claims.reports import CLAIMS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_a_valid_run(name):
    experiment = EXPERIMENTS[name]
    recipe = load(experiment.recipe, experiment.options)
    assert recipe.train.precision == "fp32" or "fashion" not in experiment.recipe
    command = experiment.command(name, 0)
    assert command[:2] == ["run", experiment.recipe] and title(name, 0) in command and "--wait" in command


def test_every_claim_has_its_experiments_or_says_why_it_cannot_be_tested():
    assert len(CLAIMS) >= 25
    for claim in CLAIMS:
        assert bool(claim.judge) != bool(claim.why_not), claim.sentence
        assert {*claim.needs} <= {*EXPERIMENTS}
    assert len({claim.sentence for claim in CLAIMS}) == len(CLAIMS)


def test_what_images_are_judged_by():
    flat, noisy = torch.full((4, 1, 32, 32), 90), torch.randint(0, 256, (4, 1, 32, 32))
    assert edges(flat[..., 1:-1, 1:-1].to(torch.uint8)) == 0 < edges(noisy.to(torch.uint8))
    assert deviation(flat.to(torch.uint8)) == 0 < deviation(noisy.to(torch.uint8))
    dark = flat.clone()
    dark[..., :2, :2] = dark[..., -2:, :2] = dark[..., :2, -2:] = dark[..., -2:, -2:] = 10
    assert corners(dark.to(torch.uint8)) == 10 and corners(flat.to(torch.uint8)) == 90
