"""The result of one check of a host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """``detail`` says what was found and, if it is not ``ok``, what is to be mended."""

    name: str
    ok: bool
    detail: str
