"""Watchers of what an examination of samples finds; see ``engine.health.samples`` for the signals."""

from __future__ import annotations

from engine.health import Alarm, Values
from engine.health.curves import Remembers, Trend
from engine.settings.health import Health

GROWS = 1.25  # times the examination before: what still grows so fast is young, not ill


class _Since(Remembers):
    """Since when a condition holds, over examinations.

    ``trend``: of a loss that falls as the model learns; None of one that need not, as an adversary's.
    """

    kept = ("since", "before")

    def __init__(self, settings: Health, trend: Trend | None = None):
        self.settings, self.trend = settings, trend
        self.since: int | None = None
        self.before: float | None = None

    @property
    def learnt(self) -> bool:
        """Whether samples are worth judging, as far as the loss tells."""
        return self.trend is None or self.trend.has_fallen

    def lasting(self, step: int, ill: bool) -> int | None:
        """The step since which examinations found it ill."""
        self.since = (self.since or step) if ill else None
        return self.since


class Collapse(_Since):
    """Samples that are all alike: one image whatever the noise, or far fewer kinds than there once were."""

    PEAK = 0.3  # a diversity that has been as high is a model's that worked
    FALL = 0.4

    kept = (*_Since.kept, "peak", "peak_at")

    def __init__(self, settings: Health, trend: Trend | None = None):
        super().__init__(settings, trend)
        self.peak, self.peak_at = 0.0, 0

    def see(self, step: int, values: Values) -> Alarm | None:
        spread = values.get("health/diversity", values.get("health/pixel_spread"))
        if spread is None:
            return None
        before, self.before = self.before, spread
        if min(spread, 1.0) > self.peak:  # more diverse than real images is no height to fall from
            self.peak, self.peak_at = min(spread, 1.0), step
        fallen = self.peak >= self.PEAK and spread < self.FALL * self.peak
        young = before is None or spread > GROWS * before
        alike = (
            spread < self.settings.diversity and self.learnt and (not young or values["health/contrast"] > 0.5)
        )
        began = self.lasting(step, alike or fallen)
        if began is None or not self.settings.diversity:
            return None
        was = (
            f"it was {self.peak:.2g} at step {self.peak_at}"
            if fallen
            else "whatever the noise, it is one image"
        )
        said = f"Mode collapse: samples differ {spread:.2g} times as much as real images do; {was}."
        return Alarm(
            "collapse", said, "the generator has found one image that satisfies its loss, or does not use its noise",
            "go back to the best checkpoint; lower the learning rates, regularise the discriminator (spectral norm, "
            "penalty), or make batches larger", began, "error" if alike else "warning",
        )  # fmt: skip


class Blob(_Since):
    """Samples that shrink to the mean image: their pixels hardly differ from noise to noise, label to label."""

    def see(self, step: int, values: Values) -> Alarm | None:
        spread = values.get("health/pixel_spread")
        if spread is None:
            return None
        before, self.before = self.before, spread
        told = values.get("health/diversity", 1.0) >= self.settings.diversity
        young = before is None or spread > GROWS * before
        began = self.lasting(step, spread < self.settings.blob and told and self.learnt and not young)
        if began is None:
            return None
        return Alarm(
            "blob", f"The samples shrink to one blob: over noises and labels their pixels vary {spread:.2g} times as "
            "much as real images' do.",
            "the net predicts the mean image: it loses the detail, or the noise, on the way",
            "look at the net (pooling before any convolution does this), the loss's weights, and the sampler", began,
        )  # fmt: skip


class LabelIgnored(_Since):
    """Samples that do not show the label they were asked for."""

    TOLD = 0.05  # of what real labels tell
    MIXED = 0.3

    def __init__(self, settings: Health, trend: Trend | None = None, after: int = 0):
        super().__init__(settings, trend)
        self.after = after

    def see(self, step: int, values: Values) -> Alarm | None:
        told, followed = values.get("health/label_told"), values.get("health/label")
        if told is None or step < self.after:
            return None
        before, self.before = self.before, told
        young = before is None or told > max(GROWS * before, self.TOLD / 2)
        learnt = self._worth_judging(values)
        ignored = not young and told < self.TOLD and (followed is None or followed < self.settings.label)
        mixed = followed is not None and followed < self.settings.label and told > self.MIXED
        began = self.lasting(step, learnt and (ignored or mixed))
        if (
            began is None or not self.settings.label or (mixed and began == step)
        ):  # a young net mixes them up, too
            return None
        seen = "" if followed is None else f"; {max(0.0, followed):.0%} of the way from chance they show it"
        if ignored:
            return Alarm(
                "class-ignored", f"The label is ignored: samples do not change with the label asked for{seen}.",
                "what the net is told of the label does not reach its output, or labels and images do not belong "
                "together in training",
                "check the labels of the data; tell the net the label in every block (fashion-unet), or guide it",
                began,
            )  # fmt: skip
        return Alarm(
            "class-confused", f"Samples change with the label asked for but do not show it{seen}.",
            "labels are mixed up between training and sampling, or between images",
            "check the order of the classes in the data, and the net's embedding", began,
        )  # fmt: skip

    def _worth_judging(self, values: Values) -> bool:
        """Whether samples may be expected to show a label at all."""
        if values.get("health/pixel_spread", 1.0) < self.settings.blob:
            return False
        if self.trend is not None:
            return self.learnt
        return values["health/contrast"] > 0.5 and values.get("health/diversity", 1.0) > 0.3


class Memorisation(_Since):
    """Samples nearer to a training image than unseen images are."""

    def see(self, step: int, values: Values) -> Alarm | None:
        distance = values.get("health/nearest")
        if distance is None:
            return None
        began = self.lasting(step, distance < self.settings.memorisation)
        if began is None:
            return None
        return Alarm(
            "memorisation", f"Memorisation: half of the samples lie within {distance:.2g} times the usual distance of "
            "a training image; they are copies of it.",
            "the model knows the training images by heart: there are too few of them for its size and the run's length",
            "train on more images, augment them, take an earlier checkpoint, or make the net smaller", began,
        )  # fmt: skip
