"""One rank of a few training steps, without a trainer: ``python rank_steps.py FOLDER RANK SIZE``.

FOLDER has ``recipe.toml`` and ``plan.json``: ``steps`` to take, and ``load``, a file to go on from, or null; with
``score`` the images of the nets are scored then. Written are
``RANK.pt``: weights, the state to go on from, the losses, and the random state.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from engine import devices
from engine.data.conditions import Conditions
from engine.data.dataset import Dataset, open_dataset
from engine.evaluation.scorer import SampleScorer
from engine.ranks.sharing import Share
from engine.ranks.team import Leader, Team
from engine.recipes.recipe import Recipe, load
from engine.settings.evaluation import FID
from engine.training.follower import divided
from engine.training.steps import Steps


def main(folder: Path, rank: int, size: int) -> None:
    torch.set_num_threads(1)
    share, store = Share(rank, size), None
    if size > 1:
        store = dist.FileStore(str(folder / "store"), size)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    plan = json.loads((folder / "plan.json").read_text())
    recipe = load(folder / "recipe.toml")
    device = torch.device("cpu")
    dataset = open_dataset(recipe.data)
    devices.seed_everything(recipe.train.seed)
    steps = Steps(recipe, dataset, Conditions.of(dataset), device, share)
    if plan["load"]:
        stored = torch.load(plan["load"], weights_only=False)
        steps.method.load_weights(stored["weights"])
        steps.method.load_state(stored["method"])
        steps.step = stored["step"]
        devices.set_rng_state(stored["rng"], device)
    metrics = [{name: float(value) for name, value in steps.take().items()} for _ in range(plan["steps"])]
    scores = score(steps, recipe, dataset, share, store) if plan["score"] else {}
    torch.save(
        {
            "weights": steps.method.weights(), "method": steps.method.state(), "step": steps.step,
            "rng": devices.rng_state(device), "metrics": metrics, "scores": scores,
        },
        folder / f"{rank}.pt",
    )  # fmt: skip
    if size > 1:
        dist.destroy_process_group()


def score(steps: Steps, recipe: Recipe, dataset: Dataset, share: Share, store: Any) -> dict[str, float]:
    """The scores of the leader, to which the others contribute."""
    method, scorer = steps.method, SampleScorer(recipe.evaluate, recipe, dataset, torch.device("cpu"))
    if share.rank:
        word, values = (team := Team(share, store)).hear()
        assert word == "collect"
        settings = FID.model_validate(values["settings"])
        team.give(lambda look: scorer.collect(method, settings, values["seed"], share, look).cpu())
        return {}
    if share.size > 1:
        scorer.divide = partial(divided, Leader(share, store))
    return {each.metric: each.value for each in scorer.score(method)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
