"""The results table: every score of every run with its protocol, beside the published figures."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING

from gentui.export.files import write_text
from gentui.export.formats import FORMATS
from gentui.export.rows import COLUMNS, Row, collect

if TYPE_CHECKING:
    from gentui.index import Index

__all__ = ["COLUMNS", "FORMATS", "Row", "collect", "render", "write_text"]


def render(
    home: Path,
    format: str,
    dataset: str | None = None,
    status: str | None = None,
    index: Index | None = None,
    runs: Container[str] | None = None,
) -> str:
    """The results table as text that ends in a newline. ``format`` is one of ``FORMATS``.

    ``dataset``, ``status`` and ``runs`` (ids) select runs. ``index``: of the home, up to date, if the caller has one.
    Raises KeyError for an unknown format.
    """
    write = FORMATS[format]
    return write(collect(home, dataset, status, index, runs))
