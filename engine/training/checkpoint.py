"""Checkpoint files: weights in safetensors, everything else in a file that loads with ``weights_only=True``.

``checkpoints/last`` and ``checkpoints/best`` are links to complete, immutable directories ``step-N``. A link is
replaced atomically after its directory is on disk, so that a reader always finds a complete checkpoint, also after
a kill. A checkpoint kept for good has a permanent link ``kept-N``. Directories without a link are removed at the
next save, and when a run is resumed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.runs.directory import CheckpointChoice, RunDir
from engine.runs.files import FULL, open_plain_file, sync_to_disk
from engine.runs.unpickling import in_words
from engine.training import owner

STATE_FILE = "state.pt"
_STEP = re.compile(r"step-(\d+)")


class CheckpointError(Exception):
    """There is no such checkpoint, or it cannot be read. The message names it."""


class NoSuchStep(CheckpointError):
    """The checkpoint of that step was not kept. The message names those that were."""


def save(
    run: RunDir,
    step: int,
    weights: dict[str, dict[str, Tensor]],
    state: dict[str, Any],
    which: list[CheckpointChoice],
) -> int:
    """Write a checkpoint and point each of ``which``, in this order, at it. Returns its size in bytes.

    ``weights`` maps a net's name to its tensors. A step number in ``which`` keeps the checkpoint for good. Raises
    OSError, for a full disk for example, leaving the previous checkpoint untouched, and TakenOver if the run has
    another trainer by now.
    """
    partial = Path(tempfile.mkdtemp(dir=run.checkpoints, prefix=".new-"))
    try:
        _write_files(partial, step, weights, state)
        size = sum(sync_to_disk(path) for path in partial.iterdir())
        owner.require(run)
        complete = _unused_path(run.checkpoints, step)
        partial.rename(complete)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _point_all(run, which, complete.name)
    return size


def point(run: RunDir, which: list[CheckpointChoice]) -> int:
    """Point each of ``which`` at the last checkpoint, without writing it again. Returns its size in bytes.

    Raises OSError, or CheckpointError when there is none.
    """
    folder = resolve(run, "last")
    _point_all(run, which, folder.name)
    return sum(path.stat().st_size for path in folder.iterdir())


def _point_all(run: RunDir, which: list[CheckpointChoice], target: str) -> None:
    for name in which:
        owner.require(run)
        _point(run.checkpoint(name), target)
    sync_to_disk(run.checkpoints)
    _discard_unreferenced(run.checkpoints)


def _write_files(folder: Path, step: int, weights: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
    for name, tensors in weights.items():
        on_cpu = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        try:
            save_file(on_cpu, folder / f"{name}.safetensors", metadata={"step": str(step)})
        except Exception as error:  # safetensors wraps the system's error in its own type
            raise _as_os_error(error, folder) from error
    try:
        torch.save(state, folder / STATE_FILE)
    except RuntimeError as error:
        raise _as_os_error(error, folder) from error


def load(run: RunDir, which: CheckpointChoice = "last") -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Load (weights by net name, state) of one checkpoint, on the CPU. Raises CheckpointError.

    A trainer may discard the checkpoint while it is being read: then its successor is read.
    """
    while True:
        folder = resolve(run, which)
        try:
            # The state is read last: while it exists, no file beside it has been discarded.
            return _read_weights(folder), _read_state(folder)
        except CheckpointError:
            if resolve(run, which) == folder:
                raise


def load_weights(run: RunDir, which: CheckpointChoice = "last") -> dict[str, dict[str, Tensor]]:
    """Load the weights of one checkpoint by net name, on the CPU. Raises CheckpointError."""
    return _read_weights(resolve(run, which))


def load_state(run: RunDir, which: CheckpointChoice = "last") -> dict[str, Any]:
    """Load the stored state of one checkpoint, on the CPU. Raises CheckpointError."""
    return _read_state(resolve(run, which))


def _read_weights(folder: Path) -> dict[str, dict[str, Tensor]]:
    try:
        files = sorted(folder.glob("*.safetensors"))
        for path in files:
            os.close(open_plain_file(path))  # safetensors would wait on a FIFO, and follow a link
        return {path.stem: load_file(path) for path in files}
    except Exception as error:
        raise CheckpointError(f"the weights in {folder} cannot be read: {error}") from error


def _read_state(folder: Path) -> dict[str, Any]:
    try:
        with os.fdopen(open_plain_file(folder / STATE_FILE), "rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"the training state in {folder} cannot be read: {in_words(error)}") from error


def exists(run: RunDir, which: CheckpointChoice = "last") -> bool:
    """Whether the run has that checkpoint."""
    return _is_checkpoint(run, _target(run, which))


def _target(run: RunDir, which: CheckpointChoice) -> Path:
    """The real path behind a link to a checkpoint, whatever lies there. Links in a circle are no error."""
    return Path(os.path.realpath(run.checkpoint(which)))


def _is_checkpoint(run: RunDir, folder: Path) -> bool:
    """Whether ``folder``, a real path, is a checkpoint of the run: one elsewhere, behind a link, is not."""
    return folder.parent == run.path.resolve() / run.checkpoints.name and (folder / STATE_FILE).is_file()


def is_kept(run: RunDir, step: int) -> bool:
    """Whether the last checkpoint is the one of ``step``, kept for good."""
    is_link = run.checkpoint(step).is_symlink()
    return is_link and exists(run, step) and _target(run, step) == _target(run, "last")


def default(run: RunDir) -> CheckpointChoice:
    """The checkpoint to use when none is named: the best, or the last where nothing has been scored."""
    return "best" if exists(run, "best") else "last"


def resolve(run: RunDir, which: CheckpointChoice = "last") -> Path:
    """The directory that ``which`` points at now. Raises CheckpointError, or NoSuchStep for a step number."""
    while True:
        folder = _target(run, which)
        if _is_checkpoint(run, folder):
            return folder
        if _target(run, which) == folder:
            raise (NoSuchStep if isinstance(which, int) else CheckpointError)(
                run.missing_checkpoint_message(which)
            )


def step_of(run: RunDir, which: CheckpointChoice = "last") -> int:
    """The step of a checkpoint, read from its directory's name. Raises CheckpointError."""
    folder = resolve(run, which)
    match = _STEP.match(folder.name)
    return int(match[1]) if match else int(load_state(run, which)["step"])


def _unused_path(parent: Path, step: int) -> Path:
    path, n = parent / f"step-{step:09d}", 1
    while path.exists():
        n += 1
        path = parent / f"step-{step:09d}.{n}"
    return path


def _point(link: Path, target: str) -> None:
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def discard_leftovers(run: RunDir) -> None:
    """Delete what a process left in ``checkpoints`` that was killed while it saved. Only for the run's own trainer."""
    for link in run.checkpoints.glob(".*.new"):
        link.unlink(missing_ok=True)
    _discard_unreferenced(run.checkpoints)


def _discard_unreferenced(parent: Path) -> None:
    kept = {str(link.readlink()) for link in parent.iterdir() if link.is_symlink()}
    for path in sorted(parent.iterdir()):  # hidden ones first: they may have the name that another is given
        if path.is_dir() and not path.is_symlink() and path.name not in kept:
            # Renamed first, so that nobody reads a directory of which some files are gone.
            doomed = path if path.name.startswith(".") else path.with_name(f".old-{path.name}")
            with contextlib.suppress(OSError):
                path.replace(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def _as_os_error(error: Exception, where: Path) -> Exception:
    """The system's error for a full disk where torch or safetensors raised their own for it; else ``error``."""
    if isinstance(error, OSError):
        return error
    usage = shutil.disk_usage(where)
    text = str(error).lower()
    is_full = any(f"os error {number}" in text or os.strerror(number).lower() in text for number in FULL)
    if is_full or usage.free < 1 << 20:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(where))
    return error
