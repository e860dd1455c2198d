"""The [reference] table: a published score to compare with."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from engine.settings.registry import Settings


class Reference(Settings):
    """A published score and its protocol.

    ``evaluate`` has the settings of [evaluate] that it was made with, where they are known: scores made so are ranked
    with it.
    """

    metric: str = Field("fid", min_length=1)
    value: float | None = None
    protocol: str = ""
    source: str = Field(min_length=1)
    note: str = ""
    evaluate: dict[str, Any] = Field({}, description="settings of [evaluate] that the score was made with")
    real_images: int | None = Field(None, ge=1, description="real images that it was compared with")
    statistics: bool = Field(
        False, description="the real images are known by a published file of their features or statistics alone"
    )
    labels_hash: str = Field(
        "",
        pattern="^([0-9a-f]{8})?$",
        description="first 8 hex digits of the sha256 of its published file of labels",
    )
