"""What watches a run: every watcher there is, as its recipe and method want them."""

from __future__ import annotations

from engine.health import Panel
from engine.health.curves import DiscriminatorWins, Divergence, NonFinite, Overfitting, Slowness, StalledRate
from engine.health.findings import Blob, Collapse, LabelIgnored, Memorisation
from engine.methods import Method
from engine.settings.health import Health

MOST_IMAGES = 100_000
"""A label is learnt in epochs: samples are asked whether they show it after two, or after so many images."""


def build_panel(
    settings: Health, method: Method, total_steps: int, batch_size: int, steps_per_epoch: int = 1
) -> Panel:
    """The panel of a run. A loss that is no number is told even where alarms are switched off."""
    watchers = [NonFinite()]
    descends = getattr(method, "descends", True)
    if not settings.alarms:
        return Panel(watchers)
    return Panel(
        [
            *watchers,
            Divergence(settings, descends),
            Overfitting(settings),
            DiscriminatorWins(settings),
            StalledRate(total_steps),
            Slowness(settings, batch_size),
            Collapse(settings, descends),
            Blob(settings, descends),
            LabelIgnored(settings, descends, min(2 * steps_per_epoch, MOST_IMAGES // batch_size)),
            Memorisation(settings),
        ]
    )
