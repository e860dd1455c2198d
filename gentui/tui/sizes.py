"""Sizes of the terminal at which screens are divided otherwise."""

from __future__ import annotations

WIDE, NORMAL = 110, 20
"""Columns from which on two panes stand side by side, and lines from which on there is room for a second one."""
