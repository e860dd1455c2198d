"""Stands in for ``python -m engine`` in tests of the jobs: same arguments, events and exit codes, no torch.

The recipe's ``summary`` may hold JSON that says how to behave: ``steps``, ``pause`` (seconds a step),
``deaf`` (ignores SIGTERM), ``fail`` (at this step, with the exit code ``code``), ``exit`` (at once, with this code),
``child``, ``eat`` (bytes of memory a step).
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from engine.runs.files import read_plain_file, write_atomically
from engine.training import owner, slurm


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--attempt", type=int)
    parser.add_argument("--device")
    parser.add_argument("--devices")
    parser.add_argument("--on")
    options = parser.parse_args()
    asked_to_stop: list[int] = []
    summary = tomllib.loads(read_plain_file(options.run / "recipe.toml").decode()).get("summary", "")
    plan = json.loads(summary) if summary.startswith("{") else {}
    handler = signal.SIG_IGN if plan.get("deaf") else lambda number, _: asked_to_stop.append(number)
    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGINT, handler)
    if "exit" in plan:
        if text := plan.get("says"):
            print(text, file=sys.stderr)
        return plan["exit"]
    if plan.get("child"):
        subprocess.Popen(["sleep", "60"], close_fds=False)
    run = RunDir(options.run)
    if not options.on:
        owner.take(run, options.attempt)
        return train(run, options.attempt, plan, asked_to_stop)
    if why := slurm.refusal(run):
        print(f"refused: {why}", flush=True)
        return 0
    attempt = max((number for number, _ in run.events_files()), default=0) + 1
    owner.take(run, attempt)
    fcntl.flock(run.open_lock(), fcntl.LOCK_EX)
    code = train(run, attempt, plan, asked_to_stop)
    if asked_to_stop:
        slurm.queue_again(run)
    return code


def train(run: RunDir, attempt: int, plan: dict, asked_to_stop: list) -> int:
    checkpoint = run.checkpoints / "last.json"
    step = json.loads(checkpoint.read_bytes())["step"] if checkpoint.exists() else 0
    steps = plan.get("steps", 20)
    eaten: list[bytearray] = []
    log = EventWriter(run.events_path(attempt))
    log.emit(
        "status", step=step, images=step * 8, status="resumed" if step else "started", total_steps=steps,
        total_images=steps * 8, steps_per_epoch=5, device="cpu", precision="fp32",
    )  # fmt: skip
    print(f"attempt {attempt} from step {step}, pid {os.getpid()}", flush=True)
    while step < steps:
        time.sleep(plan.get("pause", 0.01))
        eaten.append(bytearray(b"x" * plan.get("eat", 0)))
        try:
            owner.require(run)
        except owner.TakenOver as error:
            print(error, flush=True)
            return 5
        step += 1
        if step == plan.get("fail"):
            log.emit(
                "status", step=step, images=step * 8, status="failed", reason=f"made to fail at step {step}"
            )
            return plan.get("code", 1)
        log.emit("metrics", step=step, images=step * 8, values={"loss": 1 / step, "images_per_s": 800.0})
        if step % 10 == 0 or asked_to_stop:
            write_atomically(checkpoint, json.dumps({"step": step}).encode())
            log.emit(
                "checkpoint", step=step, images=step * 8, which="last", path="checkpoints/last.json", bytes=1
            )
        if asked_to_stop:
            is_usual = asked_to_stop[0] == signal.SIGTERM
            reason = "" if is_usual else f"{signal.Signals(asked_to_stop[0]).name} at step {step}"
            log.emit("status", step=step, images=step * 8, status="stopped", reason=reason)
            return 0
    log.emit("status", step=step, images=step * 8, status="done", reason="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
