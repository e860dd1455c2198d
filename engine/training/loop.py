"""The training loop: one, for every family.

Progress is counted in images seen. What a step, a sample or a score is, the method knows; the loop keeps
order: batches, metrics, samples, scores, checkpoints, signals. A resumed run goes on to the same weights as
an uninterrupted one (bitwise on the CPU in fp32): data order follows from (seed, epoch), and everything else
that matters is in the checkpoint.
"""

from __future__ import annotations

import math
import time
from functools import partial
from typing import Any

import torch

from engine import devices
from engine.data.batches import Batches
from engine.data.conditions import Conditions
from engine.data.dataset import open_dataset
from engine.evaluation.evaluate import Evidence, Score
from engine.evaluation.scorer import build_scorer
from engine.figures import Occasion, draw_figure
from engine.figures.architecture import describe
from engine.health import Values
from engine.health.panel import build_panel
from engine.health.samples import Examination, draw
from engine.methods import Generates, Validates
from engine.methods.building import build_method
from engine.recipes.recipe import Recipe
from engine.runs.directory import CheckpointChoice, RunDir
from engine.runs.events import EventWriter
from engine.settings import registry
from engine.training import checkpoint
from engine.training.milestones import Timetable
from engine.training.precision import probe_precision
from engine.training.recorder import Record, TrainingFailed
from engine.training.reporter import Journal, say
from engine.training.stop_signal import StopFlag, StopRequested
from engine.training.validation import Validator

FIRST_CHECKPOINT_SECONDS = 5.0  # then after twice that, and so on up to what the recipe says


class Trainer:
    """Trains one attempt of one run. ``stop`` is looked at between steps and during long phases."""

    def __init__(self, run: RunDir, recipe: Recipe, device: torch.device, writer: EventWriter, stop: StopFlag):
        self.run, self.recipe, self.device, self.stop = run, recipe, device, stop
        self.journal = Journal(writer, stop, lambda: (self.step, self.images))
        self.step = 0
        self.epoch_loss = torch.zeros((), dtype=torch.float64, device=device)
        self.epoch_steps = 0
        self.best: dict[str, Any] | None = None
        self.saved_at: int | None = None
        self._saved_time, self._patience = time.monotonic(), FIRST_CHECKPOINT_SECONDS

    @property
    def images(self) -> int:
        """Training images seen."""
        return self.step * self.batches.batch_size if self.step else 0

    # -- set-up ----------------------------------------------------------------------------------------

    def prepare(self, resume: bool) -> None:
        """Data, nets, precision; or all of it from the last checkpoint."""
        recipe, device = self.recipe, self.device
        self._read_data()
        state = checkpoint.load_state(self.run) if resume else None
        threads = devices.set_up(device, state["threads"] if state and state["device"] == device.type else None)
        if note := recipe.probe_note():
            say(note)
        self.scorer = build_scorer(
            recipe, self.dataset, device, partial(self.journal.heartbeat, "training the probe")
        )
        devices.seed_everything(recipe.train.seed)
        train = self.dataset.train
        self.batches = Batches(
            self.dataset,
            recipe.data.batch_size,
            device,
            recipe.train.seed,
            recipe.train.channels_last,
            augmentation=recipe.data,
        )
        self.total = recipe.steps_total(len(train))
        self.journal.phase("building the net")
        self.method = build_method(
            recipe, device, self.conditions, self.total, self.batches.steps_per_epoch, train.images
        )
        if getattr(recipe.model, "conditional", False) and not getattr(self.method, "conditional", True):
            raise TrainingFailed(
                f"the net is told the class, and the images of {recipe.dataset} have attributes in place of classes: "
                "choose data with classes, or a [model] that is told none"
            )
        precision = self._choose_precision(state)
        self.method.precision = precision["precision"]
        self._fixed = {
            "threads": threads,
            "device": device.type,
            "precision": precision,
            "conditions": self.conditions.state(),
        }
        self._plan()
        if state is not None:
            self._restore(state)
        parameters = {name: sum(p.numel() for p in net.parameters()) for name, net in self.method.nets.items()}
        if not resume:
            self.run.architecture_path.write_text(describe(self.method, self.batches.at(0).first(2)))
        self.journal.status(
            "resumed" if resume else "started",
            total_steps=self.total,
            total_images=self.total * self.batches.batch_size,
            steps_per_epoch=self.batches.steps_per_epoch,
            device=str(device),
            threads=threads,
            precision=self.method.precision,
            precision_probe=precision,
            parameters=sum(parameters.values()),
            nets=parameters,
        )
        say(f"{recipe.name}: {sum(parameters.values()):,} parameters, {self.total:,} steps on {device}, "
            f"{self.method.precision} ({precision['reason']})")  # fmt: skip

    def _read_data(self) -> None:
        """The data set and what images can be asked for by; TrainingFailed where the net is told what it lacks."""
        recipe = self.recipe
        self.journal.phase("reading data")
        self.dataset = open_dataset(recipe.data, progress=partial(self.journal.heartbeat, "reading data"))
        for sentence in self.dataset.warnings:
            self.journal.alert(
                "data", sentence, "files that are no usable images", "mend or remove them; the rest is used"
            )
        self.conditions = Conditions.of(self.dataset)
        if getattr(recipe.model, "conditional", False) and not self.conditions:
            raise TrainingFailed(
                f"the net is told the class, and the images of {recipe.dataset} have none: choose data with "
                "classes, or a [model] that is told none"
            )

    def _plan(self) -> None:
        """What is drawn, validated and scored, and at which steps."""
        recipe = self.recipe
        self.figures = [
            registry.default_settings("figure", name) for name in getattr(recipe.method, "figures", ())
        ]
        self.validator = None
        if self.dataset.validation is not None and isinstance(self.method, Validates):
            self.validator = Validator(
                self.method, self.dataset.validation, recipe.data.batch_size, self.device, recipe.train
            )
        epoch = self.batches.steps_per_epoch
        self.timetable = Timetable(recipe, self.total, epoch)
        panel = build_panel(recipe.health, self.method, self.total, self.batches.batch_size, epoch)
        self.record = Record(self.journal, panel, self.batches, self.total, recipe.train.non_finite_limit)
        self.examination = None
        if recipe.health.alarms and isinstance(self.method, Generates):
            self.examination = Examination(self.dataset, self.device, getattr(self.scorer, "extractor", None))

    def _choose_precision(self, state: dict[str, Any] | None) -> dict[str, Any]:
        if state is not None:
            return {**state["precision"], "reason": "as the attempt before"}
        wanted = self.recipe.train.precision
        if wanted != "auto":
            return {"precision": wanted, "reason": "as the recipe says"}
        self.journal.phase("choosing the precision")
        return probe_precision(self.method, self.batches.at(0))

    def _restore(self, state: dict[str, Any]) -> None:
        self.method.load_weights(checkpoint.load_weights(self.run))
        self.method.load_state(state["method"])
        self.step, self.epoch_steps = state["step"], state["epoch_steps"]
        self.epoch_loss.copy_(state["epoch_loss"])
        self.timetable.load_state(state)
        self.best = state["best"]
        self.record.panel.load_state(state["health"])
        self.saved_at = self.step
        devices.set_rng_state(state["rng"], self.device)

    # -- the loop --------------------------------------------------------------------------------------

    def train(self) -> None:
        """Until the end, or StopRequested after a checkpoint, or TrainingFailed."""
        self._saved_time = time.monotonic()
        self.timetable.begin(self.step)
        self.record.training_resumes(self.step)
        try:
            while True:
                self._visit()
                if self.step >= self.total:
                    break
                self._one_step()
                self.stop.raise_if_set()
            if self.saved_at != self.step:
                self.save(["last"], must=True)
        except StopRequested:
            self.save(["last"], must=True)
            raise
        finally:
            self.record.flush()

    def _one_step(self) -> None:
        values = self.method.training_step(self.batches.at(self.step))
        self.step += 1
        self.epoch_loss += values["loss"]
        self.epoch_steps += 1
        if self.step % self.batches.steps_per_epoch == 0:
            self.method.end_epoch(float(self.epoch_loss) / self.epoch_steps)
            self.epoch_loss.zero_()
            self.epoch_steps = 0
        if self.validator is not None and self.step in self.timetable.validations:
            values = {**values, **self.validator.losses()}
        full = self.record.log(self.step, values)
        if self.timetable.visits(self.step):
            return
        if full:
            self.record.flush()
        if time.monotonic() - self._saved_time > min(self._patience, 60 * self.recipe.train.checkpoint_minutes):
            self._patience *= 2
            self.save(["last"])

    def _visit(self) -> None:
        """What is due at this step, unless it was done before a resume."""
        visit, improved = self.timetable.visit(self.step), False
        keeps = self.step in self.timetable.keeps and not checkpoint.is_kept(self.run, self.step)
        if visit:
            with self.record.newest_open(self.step) as found:
                if visit.draws:
                    self.sample()
                    self.timetable.drawn_at = self.step
                if visit.scores:
                    with self.timetable.clock.scoring():
                        improved = self.score()
                    self.timetable.scored_at = self.step
                if visit.looks:
                    found |= self.examine(self.scorer.evidence if visit.scores else None)
                    self.timetable.looked_at = self.step
        if visit.scores or keeps:
            # The last moves last: after a kill before that, the resumed run comes by here once more.
            self.save([*([self.step] if keeps else []), *(["best"] if improved else []), "last"])
        if visit or keeps:
            self.record.training_resumes(self.step)

    # -- outputs ---------------------------------------------------------------------------------------

    def sample(self) -> None:
        """Draw every figure the method is known by."""
        occasion = Occasion(
            self.method, self.recipe, self.dataset, self.device, self.run, self.step, self.total,
            partial(self.journal.heartbeat, "sampling"),
        )  # fmt: skip
        for settings in self.figures:
            for picture in draw_figure(settings, occasion):
                path = picture.path(self.step)
                try:
                    picture.save(self.run.path / path)
                except OSError as error:
                    what = "samples" if picture.kind == "sample" else f"figure {picture.name}"
                    self.journal.alert("disk", f"The {what} of step {self.step} could not be saved: {error.strerror}.",
                               "the disk is full or not writable", "free some space; training goes on")  # fmt: skip
                    return
                self.journal.emit(picture.kind, path=path, caption=picture.caption, **picture.layout())

    def score(self) -> bool:
        """Evaluate; True when the run's own metric is the best so far."""
        scores = self.scorer.score(
            self.method, partial(self.journal.heartbeat, "evaluating"), self.journal.announce
        )
        improved = False
        for score in scores:
            better = score.metric == self.scorer.metric and self._is_better(score)
            if better:
                self.best = {
                    "metric": score.metric,
                    "value": score.value,
                    "step": self.step,
                    "protocol_id": score.protocol.id,
                }
                improved = True
            self.journal.emit("evaluation", **score.event(), best=better)
            say(f"step {self.step:,}: {score.metric} {score.value:.4g}" + (" (best)" if better else ""))
        return improved

    def examine(self, evidence: Evidence | None) -> Values:
        """Look at samples beside real images: at those just scored, or at a few drawn for it. The signals found."""
        if self.examination is None or not isinstance(self.method, Generates):
            return {}
        if evidence is None:
            evidence = draw(self.method, self.recipe.sample, self.dataset, self.device,
                            partial(self.journal.heartbeat, "looking at samples"))  # fmt: skip
        return self.examination.signals(evidence)

    def _is_better(self, score: Score) -> bool:
        if not math.isfinite(score.value):
            return False
        if self.best is None or self.best["protocol_id"] != score.protocol.id:
            return True
        before = self.best["value"]
        return score.value < before if score.lower_is_better else score.value > before

    def save(self, which: list[CheckpointChoice], must: bool = False) -> None:
        """Checkpoint. A full disk is an alert and the run goes on, unless it ``must`` be saved now."""
        # No checkpoint stands for steps that the log lacks, or whose losses nobody has looked at.
        self.record.flush()
        self._saved_time = time.monotonic()
        if self.record.bad_steps:
            return  # never replace good weights by non-finite ones
        if self.saved_at == self.step and which == ["last"] and checkpoint.exists(self.run):
            return
        state = {
            **self._fixed,
            "method": self.method.state(),
            "step": self.step,
            "images": self.images,
            "epoch_loss": self.epoch_loss.cpu(),
            "epoch_steps": self.epoch_steps,
            **self.timetable.state(),
            "best": self.best,
            "health": self.record.panel.state(),
            "rng": devices.rng_state(self.device),
        }
        try:
            size = checkpoint.save(self.run, self.step, self.method.weights(), state, which)
        except OSError as error:
            sentence = f"The checkpoint of step {self.step} could not be written: {error.strerror}."
            self.journal.alert("disk", sentence, "the disk is full or not writable",
                       "free some space; the previous checkpoint is untouched")  # fmt: skip
            if must:
                raise TrainingFailed(sentence.rstrip(".")) from error
            return
        self.saved_at = self.step
        for name in which:
            path = self.run.checkpoint(name).relative_to(self.run.path)
            self.journal.emit("checkpoint", which=str(name), path=str(path), bytes=size)
        if self.step in which:
            say(f"step {self.step:,}: checkpoint kept for good ({size / 1e6:.3g} MB; at the end "
                f"{len(self.timetable.keeps)} of them, {len(self.timetable.keeps) * size / 1e6:.3g} MB)")  # fmt: skip
        if not self.journal.writer.blocked:
            self.journal.writer.sync()
