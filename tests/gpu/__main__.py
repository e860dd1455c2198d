"""What the engine does on a real GPU: ``python -m tests.gpu [PART …] [--device D] [--out FILE]``.

Checks, each of which ends with a line of what was found: every quick recipe trained for ten steps (``recipes``); one
step's gradient in fp32 as on the CPU (``parity``); a stopped and resumed run bit for bit (``resume``); running out of
memory (``memory``); the reading of NVML (``nvml``). Then speeds (``training``, ``sampling``, ``inception``). All of
them are meant to fit into eight minutes on one GPU. FILE (``gpu.json``) has everything; the table for docs/results.md
is printed at the end. The exit code is 1 if a check failed, 4 without the device.

Run with ``--device cpu`` it tries itself: what only a GPU has is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from engine import devices
from engine.devices import DeviceError, choose_device, device_kind
from tests.gpu.checks import CHECKS, Failed
from tests.gpu.speeds import SPEEDS, table

ONLY_ON_A_GPU = ("memory", "nvml")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join((*CHECKS, *SPEEDS))} (default: all)"
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - {*CHECKS, *SPEEDS}:
        parser.error(f"there is no part called {', '.join(sorted(unknown))}")
    try:
        device = choose_device(given.device)
    except DeviceError as error:
        print(f"{error}: nothing was checked", file=sys.stderr)
        return 4
    devices.set_up(device)
    wanted = [
        part for part in given.parts or (*CHECKS, *SPEEDS) if device.type == "cuda" or part not in ONLY_ON_A_GPU
    ]
    found: dict[str, Any] = {
        "device": device_kind(device), "torch": torch.__version__, "date": time.strftime("%Y-%m-%d"), "checks": {},
        "speeds": {},
    }  # fmt: skip
    for part in wanted:
        began = time.monotonic()
        if part in SPEEDS:
            found["speeds"][part] = SPEEDS[part](device)
        else:
            try:
                holds, what = True, CHECKS[part](device)
            except Failed as failure:
                holds, what = False, str(failure)
            found["checks"][part] = {"holds": holds, "what": what}
            print(f"{part}: {'holds' if holds else 'FAILS'}: {what}", flush=True)
        print(f"{part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    return int(not all(check["holds"] for check in found["checks"].values()))


if __name__ == "__main__":
    os.environ.setdefault(
        "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
    )  # for deterministic products, before CUDA starts
    sys.exit(main())
