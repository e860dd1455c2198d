"""The panel of a run: the watchers that suit its recipe and method."""

from __future__ import annotations

from engine.health import Panel
from engine.health.curves import (
    DiscriminatorWins,
    Divergence,
    HighRate,
    NonFinite,
    Overfitting,
    Slowness,
    StalledRate,
    Trend,
)
from engine.health.findings import Blob, Collapse, LabelIgnored, Memorisation, judged_from
from engine.methods import Method
from engine.settings.health import Health

MOST_IMAGES = 100_000
"""Whether samples show their label is judged after two epochs, or after so many images if that is sooner."""


def build_panel(
    settings: Health, method: Method, total_steps: int, batch_size: int, steps_per_epoch: int = 1
) -> Panel:
    """Build the watchers of a run. Non-finite losses raise an alarm even when alarms are switched off."""
    if not settings.alarms:
        return Panel([NonFinite()])
    trend, loss_decreases = Trend(), getattr(method, "loss_decreases", True)
    falling = trend if loss_decreases else None
    after = judged_from(total_steps, getattr(method, "steps_per_update", 1))
    two_epochs = 2 * steps_per_epoch
    return Panel(
        [
            NonFinite(),
            trend,
            Divergence(settings, trend, loss_decreases),
            HighRate(settings),
            Overfitting(settings, trend),
            DiscriminatorWins(settings),
            StalledRate(total_steps),
            Slowness(settings, batch_size),
            Collapse(settings, falling, after),
            Blob(settings, falling, after),
            LabelIgnored(settings, falling, max(after, min(two_epochs, MOST_IMAGES // batch_size))),
            Memorisation(settings, falling, max(after, two_epochs)),  # nothing is known by heart at first sight
        ]
    )
