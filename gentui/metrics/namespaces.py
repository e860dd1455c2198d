"""Prefixes of metric names that say what a metric is, and the severities of alarms."""

from __future__ import annotations

SYSTEM = "system/"
"""Prefix of series that describe the machine while a run trained, beside what the run logs of itself."""
SIGNAL = "health/"
"""Prefix of health signals: metrics that alarms are raised by."""
METRIC = "metric:"
"""Prefix of an x axis that is a metric: ``metric:lr``."""
SEVERITIES = ("error", "warning", "info")
"""Severities of alarms, the worst first."""


def is_system(name: str) -> bool:
    """Whether a metric describes the machine."""
    return name.startswith(SYSTEM)


def is_signal(name: str) -> bool:
    """Whether a metric is a health signal."""
    return name.startswith(SIGNAL)
