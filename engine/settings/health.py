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
        2.0, gt=1, le=1e6, description="alarm when the smoothed loss rises to this multiple of its lowest value"
    )
    change: float = Field(
        1.0,
        gt=0,
        le=1e6,
        description="alarm when five updates change the weights by this multiple of their norm",
    )
    overfitting: float = Field(
        0.1,
        gt=0,
        le=1e6,
        description="alarm when the validation loss rises by this share above its lowest value",
    )
    discriminator: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="alarm when the discriminator's loss falls below this share of its first value",
    )
    diversity: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="alarm when the samples' features vary less than this fraction of real images'",
    )
    blob: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="alarm when the samples' pixels vary less than this fraction of real images'",
    )
    label: float = Field(
        0.25, ge=0, lt=1,
        description="alarm when label accuracy, from 0 (chance) to 1 (perfect), is below this",
    )  # fmt: skip
    memorisation: float = Field(
        0.5, ge=0, lt=1,
        description="alarm when samples are nearer to training images than this fraction of held-out images' distance",
    )  # fmt: skip
    slow: float = Field(
        0.25, ge=0, lt=1, description="alarm when the speed falls below this fraction of the run's median"
    )
