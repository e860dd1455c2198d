"""The trainer: ``python -P -m engine RUN_DIR [--attempt K] [--device D]``.

Exit codes: 0 done or stopped (the last status event says which), 1 failed, 2 bad recipe or usage, 4 not possible here
(data, device or an extractor's weights are missing or damaged).
The worker that starts it holds the run's lock on its behalf; started by hand it takes the lock itself.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from pathlib import Path

from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from engine.training.stop_signal import StopFlag, StopRequested

# libgomp's threads spin for milliseconds at every barrier; on a box shared with anything else two spinning
# teams starve each other (measured: an eighth of the speed). Read once, when torch loads its OpenMP.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine", description="Train the run in RUN_DIR.")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--attempt", type=int, help="number of this attempt (given by the worker)")
    parser.add_argument("--device", default="auto", help="cpu, cuda:K or auto")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    run = RunDir(options.run_dir.resolve())
    if not run.recipe_path.is_file():
        print(f"{run.path} is not a run directory: it has no recipe.toml", file=sys.stderr)
        return 2
    attempt = options.attempt
    if attempt is None:
        import fcntl

        try:
            fcntl.flock(run.open_lock(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"run {run.id} is being trained by another process", file=sys.stderr)
            return 2
        attempt = max((n for n, _ in run.events_files()), default=0) + 1
    stop = StopFlag().install()
    writer = EventWriter(run.events_path(attempt))
    return _train(run, options.device, writer, stop)


def _train(run: RunDir, device: str, writer: EventWriter, stop: StopFlag) -> int:
    writer.emit("status", step=0, images=0, status="phase", phase="starting", done=0, total=0)
    import torch

    from engine.data.dataset import DataError
    from engine.devices import DeviceError, choose_device
    from engine.evaluation.extractors import ExtractorError
    from engine.recipes.recipe import MissingData, RecipeError, load
    from engine.training import checkpoint
    from engine.training.loop import Trainer, TrainingFailed
    from engine.training.machine_monitor import Meter

    trainer: Trainer | None = None

    def end(status: str, reason: str, code: int) -> int:
        step, images = (trainer.step, trainer.images) if trainer else (0, 0)
        print(f"{status}: {reason}" if reason else status, flush=True)
        writer.emit("status", step=step, images=images, status=status, reason=reason)
        try:
            writer.sync()
        except OSError as error:
            print(f"the last events could not be written: {error}", file=sys.stderr)
            code = code or 1
        return code

    def at() -> str:
        return f" at step {trainer.step}" if trainer and trainer.step else ""

    try:
        recipe = load(run.recipe_path)
        recipe.require_data()
        trainer = Trainer(run, recipe, choose_device(device), writer, stop)
        trainer.prepare(resume=checkpoint.exists(run))
        with Meter(writer, lambda: (trainer.step, trainer.images), run.path, trainer.device):
            trainer.train()
        return end("done", "", 0)
    except StopRequested as error:
        saved = trainer is not None and trainer.saved_at == trainer.step
        return end(
            "stopped", f"{error}{at()}; checkpoint written" if saved else f"{error} before the first step", 0
        )
    except RecipeError as error:
        return end("failed", f"bad recipe: {error}", 2)
    except (MissingData, DataError, DeviceError, ExtractorError) as error:
        return end("failed", f"{error}{at()}", 4)
    except (TrainingFailed, checkpoint.CheckpointError) as error:
        return end("failed", f"{error}{'' if 'step' in str(error) else at()}", 1)
    except torch.OutOfMemoryError:
        traceback.print_exc()
        where = f"GPU {trainer.device.index or 0}" if trainer else "the GPU"
        return end("failed", f"out of memory on {where}{at()}", 1)
    except MemoryError:
        traceback.print_exc()
        return end("failed", f"out of memory{at()}", 1)
    except Exception as error:
        traceback.print_exc()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return end("failed", f"the disk is full{at()}", 1)
        if "can't allocate memory" in str(error) or "not enough memory" in str(error):
            return end("failed", f"out of memory{at()}", 1)
        first_line = next(iter(str(error).splitlines()), "")
        return end("failed", f"{type(error).__name__}: {first_line}{at()}", 1)


if __name__ == "__main__":
    sys.exit(main())
