"""Watchers of what every step reports: losses, accuracies, rates, speed."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any, ClassVar

from engine.health import Alarm, Values
from engine.settings.health import Health

FAR = 1.3  # times the training loss
RECENT = 20  # steps whose mean stands for "now"


class Remembers:
    """A watcher that keeps what is named in ``kept`` over a resume: plain values, or deques of them."""

    kept: tuple[str, ...] = ()

    def state(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.kept}
        return {name: list(value) if isinstance(value, deque) else value for name, value in values.items()}

    def load_state(self, state: dict[str, Any]) -> None:
        for name in self.kept:
            held = getattr(self, name)
            setattr(self, name, deque(state[name], held.maxlen) if isinstance(held, deque) else state[name])


class Trend(Remembers):
    """How the loss goes: its first value, what it is now (smoothed), and how many there were.

    It raises nothing. Others look at it, so it stands before them in the panel.
    """

    kept = ("first", "now", "steps")
    LEARNT = 0.75  # of the first value: below that, samples are worth judging

    def __init__(self) -> None:
        self.first = self.now = math.nan
        self.steps = 0

    def see(self, step: int, values: Values) -> None:
        loss = values.get("loss")
        if loss is None or not math.isfinite(loss):
            return
        if not self.steps:
            self.first = self.now = loss
        self.steps += 1
        self.now += 0.1 * (loss - self.now)

    @property
    def has_fallen(self) -> bool:
        """Whether something was learnt; never before the first loss."""
        return self.now < self.LEARNT * self.first


class NonFinite(Remembers):
    """A loss that is no number any more. The loop ends the run when that lasts."""

    def see(self, step: int, values: Values) -> Alarm | None:
        bad = next((name for name in _losses(values) if not math.isfinite(values[name])), None)
        if bad is None:
            return None
        said = "The loss" if bad == "loss" else f"{bad} (of the losses)"
        return Alarm(
            "non-finite", f"{said} is {values[bad]} from step {step} on.",
            "the learning rate is too high, or a number left the range of its precision",
            "lower optim.lr, set train.clip, or train in fp32", step, "error",
        )  # fmt: skip


class Divergence(Remembers):
    """The loss rises over where it began, or loses half of what it had gained.

    The first holds for every method: healthy losses, adversarial ones too, stay near or below their first value.
    The second is tested only where a decreasing loss is expected (``loss_decreases``).
    """

    OPENING = 50  # steps in which one jump is enough: later, a single odd batch is not the optimiser's doing
    JUMP = 3.0  # times the first loss

    kept = ("lowest", "recent", "high_since")

    def __init__(self, settings: Health, trend: Trend, loss_decreases: bool):
        self.settings, self.trend, self.loss_decreases = settings, trend, loss_decreases
        self.lowest = math.inf
        self.recent: deque[float] = deque(maxlen=10)
        self.high_since: int | None = None

    def see(self, step: int, values: Values) -> Alarm | None:
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
        if steps <= self.OPENING and loss > first + (self.JUMP - 1) * abs(first):
            return self._alarm(f"The loss jumped from {first:.4g} to {loss:.4g} at step {step}.", step)
        if sum(high) > len(high) // 2 and len(high) == self.recent.maxlen:
            was = f"began at {first:.4g}" if self.lowest >= first else f"was down to {self.lowest:.4g}"
            return self._alarm(
                f"The loss has risen to {median(self.recent):.4g} since step {began}: it {was}.", began
            )
        if self.loss_decreases and steps >= 5 * RECENT and median(self.recent) > first - 0.03 * abs(first):
            return self._alarm(
                f"Nothing is learned: the loss is {median(self.recent):.4g} after {steps} steps, and began at "
                f"{first:.4g}.", 1,
            )  # fmt: skip
        return None

    def _level(self) -> float:
        """What losses must not stay above."""
        first = self.trend.first
        top = first + (self.settings.diverged - 1) * abs(first)
        gained = first - self.lowest
        if not self.loss_decreases:
            return first + 4 * abs(first)
        if gained < abs(first) / 4:
            return top
        return min(top, max(self.lowest + gained / 2, self.lowest * 1.5))

    def _alarm(self, sentence: str, began: int) -> Alarm:
        return Alarm(
            "divergence", sentence, "the learning rate is too high for this net and batch size",
            "lower optim.lr (by ten, to begin with), set train.clip, or warm the rate up", began,
        )  # fmt: skip


class HighRate(Remembers):
    """Steps that change the weights by their own size: of what they were, random or learnt, nothing is left.

    It needs no loss that falls: a Wasserstein critic's tells nothing of the rate. Measured: five updates of the quick
    form of any recipe change weights by 0.01 to 0.2 times their size; of Wasserstein ones at 100 times their rate by
    1.5 to 6.
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
        """The newest (step, change) by signal."""

    def see(self, step: int, values: Values) -> Alarm | None:
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
                f"The learning rate is too high: {updates} changed the {weights} by {total:.2g} times their size.",
                "at this rate, nothing is left of what the net was or had learnt",
                "lower optim.lr (by ten, to begin with), or warm the rate up", recent[0][0],
            )  # fmt: skip
        return None


class Overfitting(Remembers):
    """The validation loss leaves the training loss behind, or rises, against all that was gained so far."""

    PATIENCE = 3  # validations in a row

    kept = ("recent", "lowest", "lowest_at", "count", "since")

    def __init__(self, settings: Health, trend: Trend):
        self.settings, self.trend = settings, trend
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.lowest = math.inf
        self.lowest_at = 0
        self.count = 0
        self.since = 0

    def see(self, step: int, values: Values) -> Alarm | None:
        loss, held = values.get("loss"), values.get("val_loss")
        if loss is None or not math.isfinite(loss):
            return None
        self.recent.append(loss)
        if held is None or not math.isfinite(held):
            return None
        train = sum(self.recent) / len(self.recent)
        if held < self.lowest:
            self.lowest, self.lowest_at = held, step
        first = self.trend.first
        gained = first - max(train, self.lowest)
        # Before a quarter of the loss is gone, two curves that both fall steeply differ by their lag alone.
        if gained < abs(first) / 4:
            return None
        gap, rise, most = (held - train) / gained, (held - self.lowest) / gained, self.settings.overfitting
        # A first loss may be huge: half of the gap is enough where it is a good part of the training loss itself.
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


class DiscriminatorWins(Remembers):
    """A discriminator whose own loss is gone tells every image, and the generator learns nothing from it.

    Only where scores have a border between real and generated: a Wasserstein critic cannot win.
    """

    kept = ("first", "shares", "told")

    def __init__(self, settings: Health):
        self.settings = settings
        self.first: float | None = None
        self.shares: deque[float] = deque(maxlen=40)
        self.told: deque[float] = deque(maxlen=40)

    def see(self, step: int, values: Values) -> Alarm | None:
        told = values.get("d_accuracy", math.nan)
        loss = values.get("loss_d_real", math.nan) + values.get("loss_d_fake", math.nan)
        if not (math.isfinite(told) and math.isfinite(loss)):
            return None
        self.first = max(loss, 1e-6) if self.first is None else self.first
        self.shares.append(loss / self.first)
        self.told.append(told)
        if len(self.shares) < (self.shares.maxlen or 0) or median(self.shares) >= self.settings.discriminator:
            return None
        return Alarm(
            "discriminator",
            f"The discriminator wins: in the last {len(self.told)} steps it told {sum(self.told) / len(self.told):.1%} "
            f"of the images, real from generated, and its loss is {median(self.shares):.1%} of its first.",
            "it learns faster than the generator: its learning rate or its size is too large",
            'lower method.discriminator_lr, or hold it back (model.norm = "spectral", a penalty)',
            step - len(self.shares) + 1,
        )  # fmt: skip


class StalledRate(Remembers):
    """A learning rate that is next to nothing long before the end."""

    kept = ("highest", "since")

    def __init__(self, total_steps: int):
        self.total = total_steps
        self.highest = 0.0
        self.since: int | None = None

    def see(self, step: int, values: Values) -> Alarm | None:
        lr = values.get("lr")
        if lr is None or not math.isfinite(lr):
            return None
        self.highest = max(self.highest, lr)
        if lr > self.highest / 100:
            self.since = None
            return None
        self.since = self.since or step
        if step - self.since < self.total / 5 or step >= self.total * 0.95:
            return None
        return Alarm(
            "stalled-rate", f"The learning rate has been {lr:.3g}, under a hundredth of its highest, since step "
            f"{self.since}: what is left of the run changes little.",
            "the schedule has run out", "end the run here, or give [schedule] a floor or a later decay", self.since,
            "info",
        )  # fmt: skip


class Slowness(Remembers):
    """A run that goes at a fraction of its own earlier speed, in this attempt: the next may be on another machine."""

    LASTS = 120.0  # seconds

    def __init__(self, settings: Health, batch_size: int):
        self.settings, self.batch_size = settings, batch_size
        self.speeds: deque[float] = deque(maxlen=501)
        self.slow = 0.0
        self.since: int | None = None
        self.last = 0

    def see(self, step: int, values: Values) -> Alarm | None:
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
            "show and the run's chart of images_per_s tell since when", self.since, "info",
        )  # fmt: skip


def _losses(values: Values) -> list[str]:
    return [name for name in values if name == "loss" or name.startswith("loss_")]
