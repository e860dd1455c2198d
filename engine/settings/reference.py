"""The [reference] table: a published score to compare with."""

from __future__ import annotations

from pydantic import Field

from engine.settings.registry import Settings


class Reference(Settings):
    """A published score and its protocol."""

    metric: str = Field("fid", min_length=1)
    value: float | None = None
    protocol: str = ""
    source: str = Field(min_length=1)
    note: str = ""
