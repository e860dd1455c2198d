"""Prefixes of metric names that say what a metric is, and the severities of alarms."""

from __future__ import annotations

SYSTEM = "system/"
"""Prefix of system metrics: the machine's use while a run trained."""
SIGNAL = "health/"
"""Prefix of health signals: metrics that raise alarms."""
METRIC = "metric:"
"""Prefix of an x axis that is another metric: ``metric:lr``."""
SEVERITIES = ("error", "warning", "info")
"""Severities of alarms, the worst first."""


def is_system(name: str) -> bool:
    """Whether a metric is a system metric."""
    return name.startswith(SYSTEM)


def is_percentage(name: str) -> bool:
    """Whether a metric is a share in percent."""
    return name.endswith(("percent", "%"))


def is_signal(name: str) -> bool:
    """Whether a metric is a health signal."""
    return name.startswith(SIGNAL)
