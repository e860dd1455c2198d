"""Which metrics share a chart, and the order of the charts, by the metrics' names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gentui.metrics.namespaces import is_signal, is_system

TOGETHER: tuple[tuple[str, ...], ...] = (
    ("loss", "val_loss"),
    ("mse", "val_mse"),
    ("kl", "val_kl"),
    ("loss_d_real", "loss_d_fake"),
    ("loss_g_adv", "loss_g_aux"),
    ("loss_label", "loss_domain"),
    ("accuracy", "val_accuracy"),
    ("target_accuracy", "oracle_target_accuracy"),
    ("grad_norm_d", "grad_norm_g"),
    ("health/change_d", "health/change_g"),
    ("health/diversity", "health/pixel_spread"),
    ("health/precision", "health/recall"),
    ("health/label", "health/label_told"),
    ("system/gpu_percent", "system/gpu_memory_percent"),
    ("system/memory_percent", "system/swap_percent"),
    ("system/disk_read_mib_s", "system/disk_written_mib_s"),
    ("system/net_received_mib_s", "system/net_sent_mib_s"),
)
"""Metrics that share a chart, in the order of their charts."""

_LOSSES = frozenset({"mse", "kl", "val_mse", "val_kl", "wasserstein"})
_LAST = ("lr", "images_per_s", "epoch")
_PLACE = {name: place for place, group in enumerate(TOGETHER) for name in group}


def charts(names: Iterable[str], scores: Iterable[str] = ()) -> list[tuple[str, ...]]:
    """The metrics of each chart: losses first, then scores, other metrics, health signals, those of the schedule (rate,
    speed, epoch), and system metrics.

    ``scores`` are metrics of evaluations; a name in both is drawn once.
    """
    scored = set(scores)
    present = dict.fromkeys([*names, *scored])
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for name in present:
        group = TOGETHER[_PLACE[name]] if name in _PLACE else (name,)
        found.setdefault(group, tuple(member for member in group if member in present))
    return sorted(found.values(), key=lambda group: _rank(group[0], scored))


def main_metric(names: Iterable[str]) -> str:
    """The metric that stands for a run where there is room for one: its loss, else the first that is not of the
    schedule, "" where there is none."""
    logged = [name for name in names if not is_signal(name) and not is_system(name)]
    if "loss" in logged:
        return "loss"
    first = min(logged, key=lambda name: (_rank(name, set())[0], "loss" not in _words(name)), default="")
    return "" if first in _LAST else first


def _words(name: str) -> list[str]:
    """``train/gen_loss``: train, gen, loss."""
    return re.split(r"[^a-z0-9]+", name.lower())


def _rank(name: str, scored: set[str]) -> tuple[int, int, str]:
    place = _PLACE.get(name, len(TOGETHER))
    if is_signal(name) or is_system(name):
        return 5 if is_system(name) else 3, place, name
    if name not in scored and ("loss" in name or name in _LOSSES):
        return 0, place, name
    if name in scored:
        return 1, place, name
    return (4, _LAST.index(name), name) if name in _LAST else (2, place, name)
