"""The [health] table: thresholds at which alarms are raised. Torch-free."""

from __future__ import annotations

from pydantic import Field

from engine.settings.registry import Settings


class Health(Settings):
    """Thresholds of the alarms. Each quantity is logged as a curve ``health/…``.

    An alarm is raised when a quantity that should be high falls below its threshold, or one that should be low
    rises above it.
    """

    alarms: bool = Field(True, description="watch the run and raise alarms")
    diverged: float = Field(
        2.0, gt=1, le=1e6, description="times its lowest value that the smoothed loss may rise to"
    )
    change: float = Field(
        1.0, gt=0, le=1e6, description="times their own size that weights may change by in five updates"
    )
    overfitting: float = Field(
        0.1, gt=0, le=1e6, description="share by which the validation loss may rise above its lowest value"
    )
    discriminator: float = Field(
        0.02, ge=0, lt=1, description="share of its first value that the discriminator's loss keeps, at least"
    )
    diversity: float = Field(
        0.05, ge=0, lt=1, description="spread of the samples' features against real images', at least"
    )
    blob: float = Field(
        0.3, ge=0, lt=1, description="spread of the samples' pixels against real images', at least"
    )
    label: float = Field(
        0.25, ge=0, lt=1,
        description="of the way from chance to certain, how often a sample shows the label asked for, at least",
    )  # fmt: skip
    memorisation: float = Field(
        0.5, ge=0, lt=1,
        description="distance of samples to the nearest training image against held-out images', at least",
    )  # fmt: skip
    slow: float = Field(0.25, ge=0, lt=1, description="speed against the run's own median, at least")
