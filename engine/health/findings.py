"""Watchers of the signals of health examinations; see ``engine.health.samples`` for their definitions."""

from __future__ import annotations

from collections import deque

from engine.health import Alarm, Values
from engine.health.curves import StatefulWatcher, Trend
from engine.settings.health import Health

GROWS, OVER = 1.1, 1.5
"""A signal of ``GROWS`` times its value at the newest examination before 1/``OVER`` of the steps still improves, and
raises no alarm. However close examinations are, samples have had time to change between those two."""
FEWEST_UPDATES, MOST_UPDATES, SHARE = 25, 1000, 0.25
"""Samples are judged after this share of the run, but not before ``FEWEST_UPDATES`` of the net that makes them, and
at the latest after ``MOST_UPDATES``."""


def judged_from(total_steps: int, steps_per_update: int = 1) -> int:
    """The step from which samples are judged: before it, a healthy net cannot have learned anything.

    ``steps_per_update``: training steps for each update of the net that makes the samples. Measured: for its first 15
    updates, the samples of a healthy DCGAN have a thousandth of the diversity of real images, at a constant level, as
    those of a generator that is stuck have. It exceeds a twentieth after 50.
    """
    share = min(round(SHARE * total_steps), MOST_UPDATES * steps_per_update)
    return max(share, FEWEST_UPDATES * steps_per_update)


class _ConditionWatcher(StatefulWatcher):
    """Base of watchers for a condition that must persist over examinations.

    ``trend`` follows the loss; it is None for methods whose loss need not decrease, such as adversarial ones. Nothing
    is said before step ``after``. ``since`` is the step since which the condition holds, ``seen`` the signals of the
    newest examinations with their steps.
    """

    kept = ("since", "seen")

    def __init__(self, settings: Health, trend: Trend | None = None, after: int = 0):
        self.settings, self.trend, self.after = settings, trend, after
        self.since: int | None = None
        self.seen: deque[list[float]] = deque(maxlen=500)

    def can_be_judged(self, step: int) -> bool:
        """Whether the model has trained for long enough and, if its loss can tell, learnt enough."""
        return step >= self.after and (self.trend is None or self.trend.has_fallen)

    def earlier(self, step: int, signal: float) -> float | None:
        """Note the signal of this examination. Return that of the newest one long enough ago, None if there is none."""
        before = [value for at, value in self.seen if at * OVER <= step]
        self.seen.append([step, signal])
        return before[-1] if before else None

    def holding_since(self, step: int, holds: bool) -> int | None:
        """Note whether the condition holds at ``step``. Return the step since which it does, or None."""
        self.since = (self.since or step) if holds else None
        return self.since


class Collapse(_ConditionWatcher):
    """Mode collapse: samples that are all alike, or far less diverse than they once were."""

    PEAK, FALL = 0.3, 0.4
    """Diversity has collapsed when it falls below ``FALL`` times a peak of at least ``PEAK``."""

    kept = (*_ConditionWatcher.kept, "peak", "peak_at")

    def __init__(self, settings: Health, trend: Trend | None = None, after: int = 0):
        super().__init__(settings, trend, after)
        self.peak, self.peak_at = 0.0, 0

    def observe(self, step: int, values: Values) -> Alarm | None:
        spread = values.get("health/diversity", values.get("health/pixel_spread"))
        if spread is None:
            return None
        earlier = self.earlier(step, spread)
        if step < self.after:  # the diversity of noise, before anything is learnt, is no peak to fall from
            return None
        if min(spread, 1.0) > self.peak:  # falling from a diversity above that of real images is no loss
            self.peak, self.peak_at = min(spread, 1.0), step
        fallen = self.peak >= self.PEAK and spread < self.FALL * self.peak
        young = earlier is None or spread > GROWS * earlier
        alike = spread < self.settings.diversity and self.can_be_judged(step) and not young
        began = self.holding_since(step, alike or fallen)
        if began is None or not self.settings.diversity:
            return None
        was = (
            f"it was {self.peak:.2g} at step {self.peak_at}"
            if fallen
            else "whatever the noise, it is one image"
        )
        sentence = f"Mode collapse: samples differ {spread:.2g} times as much as real images do; {was}."
        return Alarm(
            "collapse", sentence,
            "the generator has found one image that satisfies its loss, or does not use its noise",
            "go back to the best checkpoint; lower the learning rates, regularise the discriminator (spectral norm, "
            "penalty), or make batches larger", began, "error" if alike else "warning",
        )  # fmt: skip


class Blob(_ConditionWatcher):
    """Samples that all look like the mean image: their pixels hardly vary with the noise or the label."""

    def observe(self, step: int, values: Values) -> Alarm | None:
        spread = values.get("health/pixel_spread")
        if spread is None:
            return None
        earlier = self.earlier(step, spread)
        diverse = values.get("health/diversity", 1.0) >= self.settings.diversity
        young = earlier is None or spread > GROWS * earlier
        holds = spread < self.settings.blob and diverse and self.can_be_judged(step) and not young
        began = self.holding_since(step, holds)
        if began is None:
            return None
        return Alarm(
            "blob", f"The samples shrink to one blob: over noises and labels their pixels vary {spread:.2g} times as "
            "much as real images' do.",
            "the net predicts the mean image: it loses the detail, or the noise, on the way",
            "look at the net (pooling before any convolution does this), the loss's weights, and the sampler", began,
        )  # fmt: skip


class LabelIgnored(_ConditionWatcher):
    """Samples that do not show the requested label, because the model ignores it or confuses it with others."""

    IGNORED = 0.05
    """Between-label variance, relative to real images, below which samples do not depend on the label."""
    CONFUSED = 0.3
    """Between-label variance above which they do."""

    def observe(self, step: int, values: Values) -> Alarm | None:
        variance, followed = values.get("health/label_told"), values.get("health/label")
        if variance is None:
            return None
        earlier = self.earlier(step, variance)
        young = earlier is None or variance > max(GROWS * earlier, self.IGNORED / 2)
        learnt = self.can_be_judged(step) and self._can_show_labels(values)
        unlike = followed is not None and followed < self.settings.label
        ignored = not young and variance < self.IGNORED and (followed is None or unlike)
        confused = unlike and variance > self.CONFUSED
        began = self.holding_since(step, learnt and (ignored or confused))
        if began is None or not self.settings.label:
            return None
        if (
            began * OVER > step
        ):  # a net that has just begun to learn does not show labels, or confuses them, too
            return None
        seen = "" if followed is None else f"; {max(0.0, followed):.0%} of the way from chance they show it"
        if ignored:
            return Alarm(
                "class-ignored", f"The label is ignored: samples do not change with the label asked for{seen}.",
                "the label given to the net does not reach its output, or labels and images do not belong "
                "together in training",
                "check the labels of the data; feed the label into every block (fashion-unet), or use guidance",
                began,
            )  # fmt: skip
        return Alarm(
            "class-confused", f"Samples change with the label asked for but do not show it{seen}.",
            "labels are mixed up between training and sampling, or between images",
            "check the order of the classes in the data, and the net's embedding", began,
        )  # fmt: skip

    def _can_show_labels(self, values: Values) -> bool:
        """Whether samples are good enough to show a label at all."""
        if values.get("health/pixel_spread", 1.0) < self.settings.blob:
            return False
        if self.trend is not None:
            return True
        return values["health/contrast"] > 0.5 and values.get("health/diversity", 1.0) > 0.3


class Memorisation(_ConditionWatcher):
    """Samples that are copies of training images: much nearer to them than held-out images are."""

    def observe(self, step: int, values: Values) -> Alarm | None:
        distance = values.get("health/nearest")
        if distance is None:
            return None
        holds = distance < self.settings.memorisation and self.can_be_judged(step)
        began = self.holding_since(step, holds)
        if began is None:
            return None
        return Alarm(
            "memorisation", f"Memorisation: half of the samples lie within {distance:.2g} times the usual distance of "
            "a training image; they are copies of it.",
            "the model knows the training images by heart: there are too few of them for its size and the run's length",
            "train on more images, augment them, take an earlier checkpoint, or make the net smaller", began,
        )  # fmt: skip
