"""Watchers of the metrics of every step: losses, accuracies, learning rates, speed.

Class names and the names in ``kept`` are keys of the checkpoints of existing runs.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any, ClassVar

from engine.health import Alarm, Values
from engine.settings.health import Health

FAR = 1.3
"""A validation loss of this many times the training loss is far from it."""
RECENT = 20
"""Number of newest steps whose mean is the current training loss."""


class StatefulWatcher:
    """Base of watchers with state: the attributes named in ``kept``, which are plain values or deques of them."""

    kept: tuple[str, ...] = ()
    stored_as: ClassVar[dict[str, str]] = {}
    """Keys in the state of attributes that have been renamed."""

    def state(self) -> dict[str, Any]:
        values = {self.stored_as.get(name, name): getattr(self, name) for name in self.kept}
        return {key: list(value) if isinstance(value, deque) else value for key, value in values.items()}

    def load_state(self, state: dict[str, Any]) -> None:
        for name in self.kept:
            key = self.stored_as.get(name, name)
            if key not in state:  # the checkpoint is of a version that did not keep it
                continue
            current, value = getattr(self, name), state[key]
            setattr(self, name, deque(value, current.maxlen) if isinstance(current, deque) else value)


class Trend(StatefulWatcher):
    """Follows the training loss: its first value, its exponential moving average ``now`` and the number of steps.

    ``rate`` is the highest learning rate so far, reached when ``warm_at`` steps had been taken.
    It raises no alarm. Other watchers read it, so it comes before them in the panel.
    """

    kept = ("first", "now", "steps", "rate", "warm_at")
    LEARNT = 0.75
    """Fraction of its first value below which the loss counts as fallen."""

    def __init__(self) -> None:
        self.first = self.now = math.nan
        self.steps = self.warm_at = 0
        self.rate = 0.0

    def observe(self, step: int, values: Values) -> None:
        loss = values.get("loss")
        if loss is None or not math.isfinite(loss):
            return
        if values.get("lr", 0.0) > self.rate:
            self.rate, self.warm_at = values["lr"], self.steps
        if not self.steps:
            self.first = self.now = loss
        self.steps += 1
        self.now += 0.1 * (loss - self.now)

    @property
    def has_fallen(self) -> bool:
        """Whether the loss has fallen far enough for samples to be judged."""
        return self.now < self.LEARNT * self.first


class NonFinite(StatefulWatcher):
    """Non-finite losses. If they persist, the recorder ends the run."""

    def observe(self, step: int, values: Values) -> Alarm | None:
        bad = next((name for name in _losses(values) if not math.isfinite(values[name])), None)
        if bad is None:
            return None
        subject = "The loss" if bad == "loss" else f"The loss term {bad}"
        return Alarm(
            "non-finite", f"{subject} is {values[bad]} from step {step} on.",
            "the learning rate is too high, or a value exceeded the range of the precision",
            "lower optim.lr, set train.clip, or train in fp32", step, "error",
        )  # fmt: skip


class Divergence(StatefulWatcher):
    """A loss that rises above its first value, or loses half of the progress it had made.

    The first is tested for every method: healthy losses, adversarial ones too, stay near or below their first value.
    The second only where a decreasing loss is expected (``loss_decreases``).
    """

    OPENING = 50
    """Number of first steps in which a single jump is an alarm; later, one outlier may be due to an odd batch."""
    JUMP = 3.0
    """A jump is a loss of this many times the first loss."""

    kept = ("lowest", "recent", "high_since")

    def __init__(self, settings: Health, trend: Trend, loss_decreases: bool):
        self.settings, self.trend, self.loss_decreases = settings, trend, loss_decreases
        self.lowest = math.inf
        self.recent: deque[float] = deque(maxlen=10)
        self.high_since: int | None = None

    def observe(self, step: int, values: Values) -> Alarm | None:
        loss = values.get("loss")
        if loss is None or not math.isfinite(loss):
            return None
        first, steps = self.trend.first, self.trend.steps
        if steps == 1:
            self.lowest = loss
            return None
        level = self._level()
        self.recent.append(loss)
        high = [value > level for value in self.recent]
        if not any(high):
            self.high_since = None
        elif high[-1] and self.high_since is None:
            self.high_since = step
        began = self.high_since or step
        self.lowest = min(self.lowest, self.trend.now)
        if steps <= self.OPENING and loss > first + (self.JUMP - 1) * self._scale:
            return self._alarm(f"The loss jumped from {first:.4g} to {loss:.4g} at step {step}.", step)
        if sum(high) > len(high) // 2 and len(high) == self.recent.maxlen:
            was = f"began at {first:.4g}" if self.lowest >= first else f"was down to {self.lowest:.4g}"
            return self._alarm(
                f"The loss has risen to {median(self.recent):.4g} since step {began}: it {was}.", began
            )
        warm_for = steps - self.trend.warm_at  # while the learning rate still rises, little can be learned
        if self.loss_decreases and warm_for >= 5 * RECENT and median(self.recent) > first - 0.03 * abs(first):
            return self._alarm(
                f"Nothing is learned: the loss is {median(self.recent):.4g} after {steps} steps, and began at "
                f"{first:.4g}.", 1,
            )  # fmt: skip
        return None

    @property
    def _scale(self) -> float:
        """What a loss is measured by: its first value. An adversarial one may begin at zero, and then swings by 1."""
        first = abs(self.trend.first)
        return first if self.loss_decreases else max(first, 1.0)

    def _level(self) -> float:
        """The loss above which most of the recent steps must not lie."""
        first = self.trend.first
        top = first + (self.settings.diverged - 1) * abs(first)
        gained = first - self.lowest
        if not self.loss_decreases:
            return first + 4 * self._scale
        if gained < abs(first) / 4:
            return top
        return min(top, max(self.lowest + gained / 2, self.lowest * 1.5))

    def _alarm(self, sentence: str, began: int) -> Alarm:
        return Alarm(
            "divergence", sentence, "the learning rate is too high for this net and batch size",
            "lower optim.lr (by ten, to begin with), set train.clip, or warm the rate up", began,
        )  # fmt: skip


class HighRate(StatefulWatcher):
    """Updates that change the weights by about their own norm, so that little of what they were is left.

    This needs no decreasing loss: that of a Wasserstein critic says nothing about the learning rate. Measured: five
    updates of the quick form of any recipe change the weights by 0.01 to 0.2 times their norm; those of Wasserstein
    recipes at 100 times their learning rate, by 1.5 to 6.
    """

    UPDATES = 5
    WEIGHTS: ClassVar[dict[str, str]] = {
        "health/change": "weights",
        "health/change_d": "discriminator's weights",
        "health/change_g": "generator's weights",
    }

    kept = ("changes",)

    def __init__(self, settings: Health):
        self.settings = settings
        self.changes: dict[str, list[tuple[int, float]]] = {}
        """The newest (step, ‖Δw‖/‖w‖) by metric name."""

    def observe(self, step: int, values: Values) -> Alarm | None:
        for name, weights in self.WEIGHTS.items():
            change = values.get(name, math.nan)
            if not math.isfinite(change):
                continue
            recent = self.changes[name] = [*self.changes.get(name, []), (step, change)][-self.UPDATES :]
            if (total := sum(change for _, change in recent)) < self.settings.change:
                continue
            updates = "an update" if len(recent) == 1 else f"{len(recent)} updates"
            return Alarm(
                "high-rate",
                f"The learning rate is too high: {updates} changed the {weights} {total:.2g}× their own size.",
                "at this rate, nothing is left of what the net was or had learnt",
                "lower optim.lr (by ten, to begin with), or warm the rate up", recent[0][0],
            )  # fmt: skip
        return None


class Overfitting(StatefulWatcher):
    """A validation loss that rises, or stays far above the training loss, relative to the progress made so far."""

    PATIENCE = 3
    """Number of consecutive validations that must show it."""

    kept = ("recent", "lowest", "lowest_at", "count", "since")

    def __init__(self, settings: Health, trend: Trend):
        self.settings, self.trend = settings, trend
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.lowest = math.inf
        self.lowest_at = 0
        self.count = 0
        self.since = 0

    def observe(self, step: int, values: Values) -> Alarm | None:
        loss, held = values.get("loss"), values.get("val_loss")
        if loss is None or not math.isfinite(loss):
            return None
        self.recent.append(loss)
        if held is None or not math.isfinite(held):
            return None
        if held < self.lowest:
            self.lowest, self.lowest_at = held, step
        if len(self.recent) < RECENT:
            return None
        train = sum(self.recent) / len(self.recent)
        first = self.trend.first
        gained = first - max(train, self.lowest)
        # Until a quarter of the loss is gone, both curves fall steeply and differ by their lag alone.
        if gained < abs(first) / 4:
            return None
        gap, rise, most = (held - train) / gained, (held - self.lowest) / gained, self.settings.overfitting
        # Where the first loss was huge, the gap is small relative to it: then half is enough if the validation loss
        # is also far above the training loss itself.
        if max(gap, rise) <= most and not (gap > most / 2 and held > FAR * train > 0):
            self.count = 0
            return None
        self.count += 1
        self.since = step if self.count == 1 else self.since
        if self.count < self.PATIENCE:
            return None
        worst = f"was {self.lowest:.4g} at step {self.lowest_at}" if rise > gap else "does not follow"
        return Alarm(
            "overfitting",
            f"Overfitting: the validation loss is {held:.4g} and {worst}, while the training loss is {train:.4g}.",
            "the net learns the training images by heart: there are too few of them for its size",
            "take the best checkpoint, more data or augmentation ([data] flip, crop, rotation), dropout, or a smaller "
            "net", self.since,
        )  # fmt: skip


class DiscriminatorWins(StatefulWatcher):
    """A discriminator whose loss is almost zero: it recognises every image, and the generator learns nothing from it.

    It needs ``d_accuracy``, which methods report when the discriminator's output has a decision threshold; a
    Wasserstein critic has none.
    """

    kept = ("first", "shares", "accuracies")
    stored_as: ClassVar[dict[str, str]] = {"accuracies": "told"}

    def __init__(self, settings: Health):
        self.settings = settings
        self.first: float | None = None
        self.shares: deque[float] = deque(maxlen=40)
        """The newest losses as fractions of the first."""
        self.accuracies: deque[float] = deque(maxlen=40)

    def observe(self, step: int, values: Values) -> Alarm | None:
        accuracy = values.get("d_accuracy", math.nan)
        loss = values.get("loss_d_real", math.nan) + values.get("loss_d_fake", math.nan)
        if not (math.isfinite(accuracy) and math.isfinite(loss)):
            return None
        self.first = max(loss, 1e-6) if self.first is None else self.first
        self.shares.append(loss / self.first)
        self.accuracies.append(accuracy)
        if len(self.shares) < (self.shares.maxlen or 0) or median(self.shares) >= self.settings.discriminator:
            return None
        return Alarm(
            "discriminator",
            f"The discriminator wins: in the last {len(self.accuracies)} steps it classified "
            f"{sum(self.accuracies) / len(self.accuracies):.1%} of the images correctly as real or generated, and its "
            f"loss is {median(self.shares):.1%} of its first.",
            "it learns faster than the generator: its learning rate or its size is too large",
            'lower method.discriminator_lr, or hold it back (model.spectral = true, a penalty)',
            step - len(self.shares) + 1,
        )  # fmt: skip


class StalledRate(StatefulWatcher):
    """A learning rate that is almost zero long before the end of the run."""

    FEWEST = 25
    """Steps that it must last: shorter runs end before that matters."""

    kept = ("highest", "since")

    def __init__(self, total_steps: int):
        self.total = total_steps
        self.highest = 0.0
        self.since: int | None = None

    def observe(self, step: int, values: Values) -> Alarm | None:
        lr = values.get("lr")
        if lr is None or not math.isfinite(lr):
            return None
        self.highest = max(self.highest, lr)
        if lr > self.highest / 100:
            self.since = None
            return None
        self.since = self.since or step
        if step - self.since < max(self.total / 5, self.FEWEST) or step >= self.total * 0.95:
            return None
        return Alarm(
            "stalled-rate", f"The learning rate has been {lr:.3g}, under a hundredth of its highest, since step "
            f"{self.since}: what is left of the run changes little.",
            "the schedule has run out", "end the run here, or give [schedule] a floor or a later decay", self.since,
            "info",
        )  # fmt: skip


class Slowness(StatefulWatcher):
    """Training at a fraction of its own earlier speed.

    Speeds are compared within one attempt, since the next may run on another machine.
    """

    LASTS = 120.0
    """Seconds of slow training that raise the alarm."""

    def __init__(self, settings: Health, batch_size: int):
        self.settings, self.batch_size = settings, batch_size
        self.speeds: deque[float] = deque(maxlen=501)
        self.slow = 0.0
        self.since: int | None = None
        self.last = 0

    def observe(self, step: int, values: Values) -> Alarm | None:
        speed = values.get("images_per_s")
        if speed is None or not speed > 0:
            return None
        steps, self.last = step - self.last, step
        usual = sorted(self.speeds)[len(self.speeds) // 2] if len(self.speeds) >= 100 else 0.0
        if speed >= usual * self.settings.slow:
            self.speeds.append(speed)
            self.slow, self.since = 0.0, None
            return None
        self.since = self.since or step - steps + 1
        self.slow += steps * self.batch_size / speed
        if self.slow < self.LASTS:
            return None
        return Alarm(
            "slow", f"Training goes at {speed:,.0f} images/s since step {self.since}; it used to be {usual:,.0f}.",
            "something else uses the device or the disk, or it is throttled by heat", "look at the machine; gentui "
            "show and the run's chart of images_per_s show since when", self.since, "info",
        )  # fmt: skip


def _losses(values: Values) -> list[str]:
    return [name for name in values if name == "loss" or name.startswith("loss_")]
