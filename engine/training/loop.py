"""The training loop, shared by every method.

Progress is counted in images seen. The method knows what a training step, a sample or a score is; the loop puts
them in order, together with batches, metrics, checkpoints and stop signals. A resumed run reaches the same weights
as an uninterrupted one (bitwise on the CPU in fp32): the order of the data follows from (seed, epoch), and all else
that matters is in the checkpoint.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from engine import devices
from engine.data.conditions import Conditions
from engine.data.continuity import changes, needs_labels, record_of, with_labels_of
from engine.data.dataset import Dataset, open_dataset
from engine.evaluation.scorer import SampleScorer, Scorer, build_scorer
from engine.figures.architecture import describe
from engine.health.panel import build_panel
from engine.methods import Validates
from engine.methods.compiling import choose_compile
from engine.ranks.sharing import ALONE
from engine.ranks.team import Leader
from engine.recipes.labels import Labels
from engine.recipes.recipe import Recipe
from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from engine.runs.files import write_atomically
from engine.training import checkpoint
from engine.training.finiteness import Finiteness
from engine.training.follower import agree, divided
from engine.training.guard import SETUP, Guard
from engine.training.milestones import Milestones
from engine.training.part_watch import PartWatch
from engine.training.patience import Patience
from engine.training.precision import choose_precision
from engine.training.recorder import Recorder, TrainingFailed
from engine.training.reporter import Reporter, print_line
from engine.training.saver import Saver
from engine.training.state import PrecisionChoice, TrainingState, earlier_data_record
from engine.training.steps import Steps, require_labels
from engine.training.stop_signal import RunDirectoryGone, StopRequested, StopSignal
from engine.training.validation import Validator
from engine.training.visit_record import VisitRecord
from engine.training.visits import Visits

DATA_CAUSE = "files that are no usable images, or not what was published"


class Trainer:
    """Trains one attempt of one run. ``stop`` is checked between steps and during long phases.

    With other ranks it is the ``leader``: they take its steps, and it alone does everything else.
    """

    dataset: Dataset
    data_record: dict[str, Any]
    """``record_of`` the data as it is now."""
    conditions: Conditions
    scorer: Scorer | None
    """None when what it needs was missing at a resume: the run goes on without scores."""
    steps: Steps
    milestones: Milestones
    recorder: Recorder
    validator: Validator | None
    finiteness: Finiteness
    guard: Guard
    part_watch: PartWatch
    saver: Saver
    visits: Visits

    def __init__(
        self,
        run: RunDir,
        recipe: Recipe,
        device: torch.device,
        writer: EventWriter,
        stop: StopSignal,
        leader: Leader | None = None,
    ):
        self.run, self.recipe, self.device, self.stop, self.leader = run, recipe, device, stop, leader
        self.share = leader.share if leader else ALONE
        self.reporter = Reporter(writer, stop, lambda: (self.step, self.images))
        self.patience = Patience(stop)
        self.is_set_up = False
        self._resumed_at = 0, 0

    @property
    def step(self) -> int:
        """Steps done, by earlier attempts and this one."""
        return self.steps.step if hasattr(self, "steps") else self._resumed_at[0]

    @property
    def images(self) -> int:
        """Training images seen."""
        return self.steps.images if hasattr(self, "steps") else self._resumed_at[1]

    @property
    def saved_at(self) -> int | None:
        """Step of the newest checkpoint of the run."""
        return self.saver.saved_at if hasattr(self, "saver") else self._resumed_at[0] or None

    # -- set-up ----------------------------------------------------------------------------------------

    def prepare(self, resume: bool) -> None:
        """Open the data and build all that trains, or restore it from the last checkpoint.

        Raises TrainingFailed when the model needs labels that the data lack, DataError, ExtractorError,
        CheckpointError or StopRequested.
        """
        state = TrainingState.load(self.run) if resume else None
        if state is not None:
            self._resumed_at = state.step, state.images
        self._open_data(state)
        same_device = state is not None and state.device == self.device.type
        self.threads = devices.set_up(self.device, self._threads(state if same_device else None))
        if note := self.recipe.probe_note():
            print_line(note)
        self.guard = Guard(self.run, self.reporter, VisitRecord.load(self.run))
        if state is None:
            self.scorer = self._build_scorer()
        devices.seed_everything(self.recipe.train.seed)
        self._build_steps(resume)
        if state is not None:
            self.steps.step = state.step
            self.scorer = self.guard.attempt(SETUP, self.step, self._build_scorer)
            self.guard.record.save(self.run)
        self.precision = self._choose_precision(state)
        self.steps.method.precision = self.precision["precision"]
        self._plan()
        if state is not None:
            self._restore(state)
        else:
            text = describe(self.steps.method, self.steps.batches.at(0)[:2])
            write_atomically(self.run.architecture_path, text.encode())
        self.part_watch = PartWatch(self.steps.method, self.reporter)
        if self.leader:
            self.leader.tell("begin", precision=self.steps.method.precision)
            agree(self.leader, self.steps, self.device)
        self.is_set_up = True
        self._report_start("resumed" if resume else "started")

    def _open_data(self, state: TrainingState | None) -> None:
        """Open the data; for a run that goes on, with its labels under their numbers of then."""
        recipe, model = self.recipe, self.recipe.model
        self.reporter.announce("reading data")
        dataset = open_dataset(recipe.data, progress=partial(self.reporter.heartbeat, "reading data"))
        self.data_record = record_of(dataset)
        for sentence in dataset.warnings:
            self.reporter.alert("data", sentence, DATA_CAUSE, "mend or remove them; the rest is used")
        for sentence in dataset.notes:
            print_line(sentence)
        if state is not None:
            if changed := changes(earlier_data_record(self.run), dataset):
                remedy = "nothing, if you meant to; scores before and after it are of different data"
                self.reporter.alert("data-changed", changed, "files were added, removed or changed", remedy)
            dataset = with_labels_of(dataset, Labels.of(state.conditions), needs_labels(model))
        self.dataset, self.conditions = dataset, Conditions.of(dataset)
        require_labels(recipe, self.conditions)

    def _build_scorer(self) -> Scorer:
        progress = partial(self.reporter.heartbeat, "training the probe")
        scorer = build_scorer(self.recipe, self.dataset, self.device, progress)
        if self.leader and isinstance(scorer, SampleScorer):
            scorer.divide = partial(divided, self.leader)
        return scorer

    def _build_steps(self, resume: bool) -> None:
        """Build the batches and the method with freshly initialised nets; the other ranks do so, too."""
        self.reporter.announce("building the net")
        if self.leader:
            self.reporter.phase("waiting for the other devices")
            self.leader.assemble(self.stop.raise_if_set)
            self.leader.tell("build", resume=resume, fingerprint=self.dataset.fingerprint, threads=self.threads)
        self.steps = Steps(self.recipe, self.dataset, self.conditions, self.device, self.share)
        self.total = self.steps.total

    def _threads(self, state: TrainingState | None) -> int:
        """Threads as in the attempt before, with which sums are added up alike; ranks share those of one process."""
        if state is not None and state.ranks == self.share.size:
            return state.threads
        return max(1, devices.threads_by_default() // self.share.size)

    def _choose_precision(self, state: TrainingState | None) -> PrecisionChoice:
        if state is not None:
            return {**state.precision, "reason": "as the attempt before"}
        requested = self.recipe.train.precision
        if requested != "auto":
            return {"precision": requested, "reason": "as the recipe says"}
        self.reporter.announce("choosing the precision")
        return choose_precision(self.steps.method, self.steps.batches.at(0), self.run)

    def _plan(self) -> None:
        """Set up what is drawn, validated, scored and watched, and at which steps."""
        recipe = self.recipe
        self.validator = None
        held_out = self.dataset.validation
        lacks_labels = held_out is not None and held_out.labels is None and needs_labels(recipe.model)
        if held_out is not None and not lacks_labels and isinstance(self.steps.method, Validates):
            self.validator = Validator(
                self.steps.method, held_out, recipe.data.batch_size, self.device, recipe.train
            )
        epoch = self.steps.batches.steps_per_epoch
        self.milestones = Milestones(recipe, self.total, epoch)
        panel = build_panel(recipe.health, self.steps.method, self.total, self.steps.batches.batch_size, epoch)
        self.recorder = Recorder(
            self.reporter, panel, self.steps.batches, self.total, recipe.train.non_finite_limit
        )
        self.finiteness = Finiteness(self.steps.method)
        self.saver = Saver(
            run=self.run,
            device=self.device,
            steps=self.steps,
            state=self.state,
            recorder=self.recorder,
            finiteness=self.finiteness,
            reporter=self.reporter,
            patience=self.patience,
            minutes=recipe.train.checkpoint_minutes,
            kept=len(self.milestones.kept_steps),
        )
        self.visits = Visits(
            run=self.run,
            recipe=recipe,
            device=self.device,
            dataset=self.dataset,
            method=self.steps.method,
            scorer=self.scorer,
            milestones=self.milestones,
            recorder=self.recorder,
            reporter=self.reporter,
            guard=self.guard,
            keep_best=lambda: self.saver.save(["best", "last"]),
            leader=self.leader,
        )

    def _report_start(self, status: str) -> None:
        parameters = {
            name: sum(p.numel() for p in net.parameters()) for name, net in self.steps.method.nets.items()
        }
        tf32 = devices.uses_tf32(self.device)
        compiling = choose_compile(self.recipe.train.compile, self.device, self.total)
        self.reporter.status(
            status,
            total_steps=self.total,
            total_images=self.total * self.steps.batches.batch_size,
            steps_per_epoch=self.steps.batches.steps_per_epoch,
            device=str(self.device),
            threads=self.threads,
            devices=self.share.size,
            precision=self.steps.method.precision,
            tf32=tf32,
            precision_probe=self.precision,
            compile=compiling._asdict(),
            parameters=sum(parameters.values()),
            nets=parameters,
            data=self.data_record,
        )
        where = f"{self.device} and {self.share.size - 1} more" if self.leader else self.device
        print_line(
            f"{self.recipe.name}: {sum(parameters.values()):,} parameters, {self.total:,} steps on {where}, "
            f"{self.steps.method.precision} ({self.precision['reason']}){', fp32 products in TF32' if tf32 else ''}"
            + (f", {compiling}" if self.recipe.train.compile else "")
        )

    # -- checkpointed state ----------------------------------------------------------------------------

    def state(self) -> TrainingState:
        """Everything a resumed run needs besides the weights."""
        return TrainingState(
            threads=self.threads,
            ranks=self.share.size,
            device=self.device.type,
            precision=self.precision,
            conditions=self.conditions.state(),
            method=self.steps.method.state(),
            step=self.step,
            images=self.images,
            epoch_loss=self.steps.epoch_loss.cpu(),
            epoch_steps=self.steps.epoch_steps,
            **self.milestones.followed(),
            best=self.visits.best,
            health=self.recorder.panel.state(),
            rng=devices.rng_state(self.device),
        )

    def _restore(self, state: TrainingState) -> None:
        self.steps.restore(state, checkpoint.load_weights(self.run))
        self.visits.restore(state)
        self.saver.saved_at = self.step
        devices.set_rng_state(state.rng, self.device)

    # -- the loop --------------------------------------------------------------------------------------

    def train(self) -> None:
        """Train to the last step. Raises StopRequested, after a checkpoint, or TrainingFailed."""
        self.saver.restart_clock()
        self.milestones.begin_attempt(self.step)
        self.recorder.restart_timer(self.step)
        try:
            while True:
                self._do_what_is_due()
                if self.step >= self.total:
                    break
                self._train_step()
                if self.finiteness.lasted >= self.recipe.train.non_finite_limit:
                    raise self._not_finite()
                self.stop.raise_if_set()
            if self.saved_at != self.step:
                self.saver.save_last()
            if self.finiteness.fault:
                raise self._not_finite()
        except RunDirectoryGone:
            raise
        except StopRequested:
            self.saver.save_last()
            raise
        finally:
            self.saver.finish()
            self.recorder.flush()
        self.visits.report(self.step, self.steps.batches.batch_size)

    def _not_finite(self) -> TrainingFailed:
        return TrainingFailed(f"{self.finiteness.fault} is not finite since step {self.finiteness.since:,}")

    def _train_step(self) -> None:
        if self.leader:
            self.leader.step()
        values = self.steps.take()
        self.part_watch.look(self.step)
        if self.validator is not None and self.step in self.milestones.validation_steps:
            values = {**values, **self.validator.losses()}
        flush_due = self.recorder.log(self.step, values)
        if self.milestones.includes(self.step):
            return  # ``_do_what_is_due`` writes the checkpoint
        if flush_due:
            self.recorder.flush()
        self.saver.save_beside_training()

    def _do_what_is_due(self) -> None:
        """Keep, draw, score and examine what is due at this step, unless it was done before a resume."""
        due = self.milestones.due(self.step)
        keep = self.step in self.milestones.kept_steps and not checkpoint.is_kept(self.run, self.step)
        if not due and not keep:
            return
        self.saver.save([*([self.step] if keep else []), "last"])
        if due:
            try:
                self.visits.make(due, self.step)
            finally:
                self.visits.finish()
        self.recorder.restart_timer(self.step)
