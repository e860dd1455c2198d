"""A rank that follows: it builds what the leader has built and takes the steps that the leader takes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from engine import devices
from engine.data.conditions import Conditions
from engine.data.continuity import needs_labels, with_labels_of
from engine.data.dataset import open_dataset
from engine.evaluation.drawing import Collected
from engine.evaluation.scorer import SampleScorer
from engine.ranks import environment
from engine.ranks.sharing import Share
from engine.ranks.team import Leader, Team, join
from engine.recipes.labels import Labels
from engine.recipes.recipe import load
from engine.runs.directory import RunDir
from engine.settings.evaluation import FID
from engine.training import checkpoint
from engine.training.state import TrainingState
from engine.training.steps import Steps
from engine.training.visits import undisturbed


def follow(run: RunDir, device: str) -> int:
    """Do what the leader says until it says that the run has ended. Returns the exit code of the process."""
    share = Share(environment.rank(), environment.size())
    team, report = join(share)
    try:
        _Follower(run, device, team).obey()
    except Exception as error:
        first_line = next(iter(str(error).splitlines()), "")
        print(f"rank {share.rank}:", file=sys.stderr)
        traceback.print_exc()
        report(f"{type(error).__name__}: {first_line}")
        return 1
    return 0


class _Follower:
    def __init__(self, run: RunDir, device: str, team: Team):
        self._run, self._team = run, team
        self._device = devices.choose_device(device, environment.local_rank())
        self._recipe = load(run.recipe_path, of_run=True)
        self._scorer: SampleScorer | None = None

    def obey(self) -> None:
        steps: Steps | None = None
        while True:
            word, values = self._team.hear()
            match word:
                case "build":
                    steps = self._build(**values)
                case "begin" if steps is not None:
                    steps.method.precision = values["precision"]
                    agree(self._team, steps, self._device)
                case "step" if steps is not None:
                    steps.take()
                case "load" if steps is not None:
                    steps.method.load_weights(checkpoint.load_weights(self._run, values["which"]))
                case "collect" if steps is not None:
                    self._team.give(partial(self._collect, steps.method, **values))
                case "end":
                    return

    def _build(self, resume: bool, fingerprint: str, threads: int) -> Steps:
        """The steps as the leader has built them, from the same files."""
        recipe = self._recipe
        state = TrainingState.load(self._run) if resume else None
        dataset = open_dataset(recipe.data)
        if state is not None:
            dataset = with_labels_of(dataset, Labels.of(state.conditions), needs_labels(recipe.model))
        if dataset.fingerprint != fingerprint:
            raise RuntimeError("it sees other images than rank 0: is the data the same on all machines?")
        self._dataset = dataset
        devices.set_up(self._device, threads)
        devices.seed_everything(recipe.train.seed)
        steps = Steps(recipe, dataset, Conditions.of(dataset), self._device, self._team.share)
        if state is not None:
            steps.restore(state, checkpoint.load_weights(self._run))
        return steps

    def _collect(self, method: Any, look: Callable[[], None], settings: dict[str, Any], seed: int) -> Collected:
        """This rank's share of the images that the leader scores."""
        given = FID.model_validate(settings)
        with undisturbed(method, self._device):
            if self._scorer is None:
                self._scorer = SampleScorer(given, self._recipe, self._dataset, self._device)
            return self._scorer.collect(method, given, seed, self._team.share, look).cpu()


def divided(leader: Leader, settings: FID, seed: int, collect: Callable[[Share], Collected]) -> list[Collected]:
    """What all ranks have collected of the images of a seed's noise; the leader's share with ``collect``."""
    values = {"settings": settings.model_dump(mode="json"), "seed": seed}
    return leader.shared("collect", values, lambda: collect(leader.share))


def agree(team: Team, steps: Steps, device: torch.device) -> None:
    """Take over the leader's random state, and make sure that all ranks have the same weights.

    Called by all ranks before the first step of an attempt. Raises RuntimeError when the weights differ.
    """
    state = devices.rng_state(device)
    devices.set_rng_state({kind: team.copied(value) for kind, value in state.items()}, device)
    total = sum(
        float(tensor.double().abs().sum())
        for tensors in steps.method.weights().values()
        for tensor in tensors.values()
        if isinstance(tensor, Tensor)
    )
    if not team.all_equal(total):
        raise RuntimeError("the ranks have built different weights")
