"""The trainer: ``python -P -m engine RUN_DIR [--attempt K] [--device D] [--devices N] [--on slurm]``.

Exit codes: 0 done or stopped (the last status event says which), 1 failed, 2 bad recipe or usage, 4 not possible here
(data, device or an extractor's weights are missing or damaged), 5 another trainer has taken the run over.
With ``--devices N`` it starts N − 1 processes more, one for each further device; where ``srun`` or ``torchrun`` have
started a process for each, RANK and WORLD_SIZE say so. See ``engine.ranks.team``.
The worker that starts the trainer holds the run's lock on its behalf; started by hand, the trainer takes the lock.
As a job of Slurm (``--on slurm``) it takes over a run whose trainer Slurm has given up, and queues itself again when it
is warned of its end.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from engine import main_program
from engine.ranks import environment
from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from engine.runs.files import own_folder
from engine.training import owner, slurm
from engine.training.log_output import survive_full_disks
from engine.training.stop_signal import StopSignal

# Threads of libgomp spin for milliseconds at every barrier; on a machine shared with other work, two spinning teams
# starve each other (measured: an eighth of the speed). The variable is read once, when torch loads its OpenMP.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def main(arguments: list[str] | None = None) -> int:
    """Train the run that the command line names. Returns the exit code."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    survive_full_disks()
    run = RunDir(options.run_dir.resolve())
    if not run.recipe_path.is_file():
        print(f"{run.path} is not a run directory: it has no recipe.toml", file=sys.stderr)
        return 2
    if environment.rank():
        environment.end_with_leader()
        from engine.training.follower import follow

        return follow(run, options.device)
    stop = StopSignal(run.path).install()
    stop.look = lambda: owner.require(run)
    if options.on and (why := slurm.refusal(run)):
        print(f"run {run.id} is not trained by this job: {why}", flush=True)
        return 0
    number = options.attempt
    try:
        if options.on:
            owner.take(run, 0)  # whoever holds the lock still leaves, and lets go of it
        if number is None and not _lock(run, slurm.TAKE_OVER_SECONDS if options.on else 0.0):
            print(f"run {run.id} is being trained by another process", file=sys.stderr)
            return 2
        number = number or max((n for n, _ in run.events_files()), default=0) + 1
        owner.take(run, number)
        for folder in (run.checkpoints, run.samples, run.figures):
            own_folder(folder)
        writer = EventWriter(run.events_path(number))
    except OSError as error:
        print(f"run {run.id} cannot be trained: {error.filename}: {error.strerror}", file=sys.stderr)
        return 4
    writer.emit("status", step=0, images=0, status="phase", phase="starting", done=0, total=0)
    from engine.training.attempt import Attempt  # imports torch: signals and the first event come before

    attempt = Attempt(run, options.device, writer, stop, options.devices or environment.size())
    code = attempt.run()
    if options.on and attempt.status == "stopped":
        slurm.queue_again(run)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", description="Train the run in RUN_DIR.")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--attempt", type=int, help="number of this attempt (given by the worker)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:K or auto")
    parser.add_argument("--devices", type=_count, help="how many of them share every batch")
    parser.add_argument("--on", choices=["slurm"], help="what this process is a job of")
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of devices")
    return int(text)


def _lock(run: RunDir, patience: float) -> bool:
    """Lock the run until this process ends. False when another process holds the lock for ``patience`` seconds."""
    import fcntl

    lock, deadline = run.open_lock(), time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.1)
        else:
            os.set_inheritable(lock, True)  # by the other ranks: the run is locked as long as one of them lives
            return True


if __name__ == "__main__":
    main_program.run(main)
