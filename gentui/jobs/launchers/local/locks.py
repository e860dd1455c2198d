"""The locks of this machine's device slots, under ``slots/<host>/``: another host with the same home has its own.

Names of slots are per machine, and ``cpu`` is on every one. The folder is named after the host and belongs to the boot
of the kernel that its file ``boot`` names: whatever a container or a new network calls this machine, its processes
share its slots.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from pathlib import Path

from engine.runs.directory import boot_id, is_locked
from engine.runs.files import FULL, private_folder, read_head, write_atomically

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")
_places: dict[Path, Path] = {}


def host_name() -> str:
    """What this machine calls itself."""
    return socket.gethostname()


def slots_folder(home: Path) -> Path:
    """The folder of this machine's slots, which may not exist yet."""
    place = _places.get(home)
    if place is None or not place.is_dir():
        place = _places[home] = _found(home / "slots") or home / "slots" / _folder_name()
    return place


def make_slots_folder(home: Path) -> Path:
    """``slots_folder``, made if it is missing. Raises OSError."""
    place = slots_folder(home)
    marker = place / "boot"
    if _text(marker) != boot_id():
        private_folder(place)
        try:
            write_atomically(marker, boot_id().encode())
        except OSError as error:
            if error.errno not in FULL:  # without it, it is found by its name
                raise
    return place


def _found(folder: Path) -> Path | None:
    """The folder that is of this boot of the kernel."""
    now = boot_id()
    with suppress(OSError):
        return next((one.parent for one in sorted(folder.glob("*/boot")) if now and _text(one) == now), None)
    return None


def _text(path: Path) -> str:
    try:
        return read_head(path, 100)
    except OSError:
        return ""


def _folder_name() -> str:
    return _OTHER.sub("_", host_name())[:80].strip(".") or "host"


def worker_lock(home: Path, slot: str) -> Path:
    """The lock that only the slot's worker holds."""
    return slots_folder(home) / f"{slot}.worker.lock"


def slot_lock(home: Path, slot: str) -> Path:
    """The lock that the slot's worker and its child process hold: never two jobs on a device, whatever is killed."""
    return slots_folder(home) / f"{slot}.lock"


def older_slot_lock(home: Path, slot: str) -> Path:
    """Where versions of gentui before hosts were told apart have that lock."""
    return home / "slots" / f"{slot}.lock"


def has_worker(home: Path, slot: str | None) -> bool:
    """Whether a worker works on this machine's slot, be it one of an older version."""
    return slot is not None and (
        is_locked(worker_lock(home, slot)) or is_locked(home / "slots" / f"{slot}.worker.lock")
    )
