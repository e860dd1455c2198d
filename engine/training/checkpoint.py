"""State in and out. Weights in safetensors; everything else in a file that loads with ``weights_only=True``.

``checkpoints/last`` and ``checkpoints/best`` are links to whole, immutable directories ``step-N``; a link is
replaced atomically after its directory is on disk, so that a reader, or a kill, meets a complete checkpoint. One
that is kept for good has a link of its own, ``kept-N``, that stays. What no link names is removed at the next save.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.runs.directory import DIR_MODE, CheckpointChoice, RunDir

STATE_FILE = "state.pt"


class CheckpointError(Exception):
    """No checkpoint, or one that cannot be read; the message names it."""


class NoSuchStep(CheckpointError):
    """The checkpoint of that step is not kept; the message names those that are."""


def save(
    run: RunDir,
    step: int,
    weights: dict[str, dict[str, Tensor]],
    state: dict[str, Any],
    which: list[CheckpointChoice],
) -> int:
    """Write a checkpoint and point each of ``which``, in this order, at it. Returns its size in bytes.

    A step among ``which`` is kept for good. Raises OSError (the disk is full, say) with the previous checkpoint
    untouched.
    """
    run.checkpoints.mkdir(mode=DIR_MODE, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=run.checkpoints, prefix=".new-"))
    try:
        for name, tensors in weights.items():
            plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
            try:
                save_file(plain, building / f"{name}.safetensors", metadata={"step": str(step)})
            except Exception as error:  # safetensors wraps the system's error in its own type
                raise _as_os_error(error, building) from error
        try:
            torch.save(state, building / STATE_FILE)
        except RuntimeError as error:
            raise _as_os_error(error, building) from error
        size = sum(_sync(path) for path in building.iterdir())
        place = _free_place(run.checkpoints, step)
        building.rename(place)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    for name in which:
        _point(run.checkpoint(name), place.name)
    _sync(run.checkpoints)
    _discard_unreferenced(run.checkpoints)
    return size


def load(run: RunDir, which: CheckpointChoice = "last") -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """(weights by net name, state) of one checkpoint, on the CPU. Raises CheckpointError.

    A trainer may discard the one that is being read: then the one that took its place is.
    """
    while True:
        place = resolve(run, which)
        try:
            # The state last: while it is there, every net beside it was.
            return _weights(place), _state(place)
        except CheckpointError:
            if resolve(run, which) == place:
                raise


def load_weights(run: RunDir, which: CheckpointChoice = "last") -> dict[str, dict[str, Tensor]]:
    return _weights(resolve(run, which))


def load_state(run: RunDir, which: CheckpointChoice = "last") -> dict[str, Any]:
    return _state(resolve(run, which))


def _weights(place: Path) -> dict[str, dict[str, Tensor]]:
    try:
        return {path.stem: load_file(path) for path in sorted(place.glob("*.safetensors"))}
    except Exception as error:
        raise CheckpointError(f"the weights in {place} cannot be read: {error}") from error


def _state(place: Path) -> dict[str, Any]:
    try:
        return torch.load(place / STATE_FILE, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"the training state in {place} cannot be read: {error}") from error


def exists(run: RunDir, which: CheckpointChoice = "last") -> bool:
    return (run.checkpoint(which) / STATE_FILE).is_file()


def is_kept(run: RunDir, step: int) -> bool:
    """Whether the last checkpoint is of that step and kept."""
    link = run.checkpoint(step)
    return link.is_symlink() and exists(run, step) and link.resolve() == run.checkpoint("last").resolve()


def resolve(run: RunDir, which: CheckpointChoice = "last") -> Path:
    """The directory ``which`` points at now."""
    link = run.checkpoint(which)
    while True:
        place = link.resolve()
        if (place / STATE_FILE).is_file():
            return place
        if link.resolve() == place:
            raise (NoSuchStep if isinstance(which, int) else CheckpointError)(
                run.missing_checkpoint_message(which)
            )


def _free_place(parent: Path, step: int) -> Path:
    place, n = parent / f"step-{step:09d}", 1
    while place.exists():
        n += 1
        place = parent / f"step-{step:09d}.{n}"
    return place


def _point(link: Path, target: str) -> None:
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _discard_unreferenced(parent: Path) -> None:
    kept = {str(link.readlink()) for link in parent.iterdir() if link.is_symlink()}
    for path in parent.iterdir():
        if path.is_dir() and not path.is_symlink() and path.name not in kept:
            # Away as a whole, so that nobody reads a part of it.
            doomed = path if path.name.startswith(".") else path.with_name(f".old-{path.name}")
            with contextlib.suppress(OSError):
                path.replace(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def _sync(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        return os.fstat(fd).st_size
    finally:
        os.close(fd)


def _as_os_error(error: Exception, where: Path) -> Exception:
    """The system's own error where torch or safetensors hid one (they word ENOSPC in their own ways)."""
    if isinstance(error, OSError):
        return error
    usage = shutil.disk_usage(where)
    text = str(error).lower()
    if "no space" in text or "os error 28" in text or usage.free < 1 << 20:
        return OSError(28, os.strerror(28), str(where))
    return error
