"""Whether a batch can be shared equally between devices; torch-free."""

from __future__ import annotations


def unequal(size: int, devices: int, most: int) -> str:
    """Why a batch of ``size`` images cannot be shared equally between so many devices; "" if it can.

    It names the numbers of devices that can share it, up to ``most``.
    """
    if not size % devices:
        return ""
    fitting = [str(count) for count in range(2, min(size, most) + 1) if not size % count]
    return (
        f"a batch of {size} images cannot be shared equally between {devices} devices: "
        f"use {' or '.join(fitting) or 'one'} of them, or another data.batch_size"
    )
