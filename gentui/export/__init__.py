"""The results table: every score of every run with its protocol, beside the published figures."""

from __future__ import annotations

from pathlib import Path

from gentui.export.formats import FORMATS
from gentui.export.rows import COLUMNS, Row, collect

__all__ = ["COLUMNS", "FORMATS", "Row", "collect", "render"]


def render(home: Path, format: str, dataset: str | None = None, status: str | None = None) -> str:
    """The results table as text that ends in a newline. ``format`` is one of ``FORMATS``.

    ``dataset`` and ``status`` select runs. Raises KeyError for an unknown format.
    """
    write = FORMATS[format]
    return write(collect(home, dataset, status))
