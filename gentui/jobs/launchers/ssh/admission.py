"""What the machine itself says to a run that is to go there: whether it has the devices, and which slot that is."""

from __future__ import annotations

from typing import Any

from gentui.jobs.launchers.local.locks import host_name
from gentui.jobs.launchers.local.slots import ALLOWED, allowed, require_devices, slot_for
from gentui.jobs.states import JobError


def admission(device: str | None, devices: int | None, asked: str | None = None) -> dict[str, Any]:
    """``slot`` and ``allowed`` of a run on these devices of this machine, or why it could never run as ``refusal``.
    ``asked``: the slot that it had asked for here when it was queued before, if no device is named now."""
    try:
        slot = slot_for(device) if device is not None or asked is None else asked
        require_devices(devices or 1, "cpu" if slot == "cpu" else device)
    except JobError as error:
        return {"host": host_name(), "refusal": str(error).replace("this machine", host_name())}
    return {"host": host_name(), "slot": slot, ALLOWED: allowed().get(ALLOWED)}
