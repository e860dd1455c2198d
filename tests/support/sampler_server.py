"""Stands in for ``engine.inference.server``: its protocol, in a process of its own, without torch.

It fails at some pictures, ends at others, and writes no file that it is asked to save.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from PIL import Image

from engine.recipes.labels import Labels
from engine.recipes.recipe import load

folder = Path(tempfile.mkdtemp(prefix="gentui-playground-"))
requests: SimpleQueue[dict[str, Any] | None] = SimpleQueue()


def say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


def read() -> None:
    for line in sys.stdin:
        requests.put(json.loads(line))
    requests.put(None)


def picture(path: Path, frames: int) -> str:
    rng = np.random.default_rng(frames)
    film = [Image.fromarray(rng.integers(0, 255, (32, 32), np.uint8)) for _ in range(frames)]
    film[0].save(path, **({"save_all": True, "append_images": film[1:], "duration": 50} if frames > 1 else {}))
    return str(path)


def draw(number: int, arguments: list[str], count: int) -> None:
    layout = {"rows": 4, "columns": 4}
    for done in range(1, 4):
        time.sleep(0.02)
        say(id=number, done=done, of=4, path=picture(folder / f"live-{number}.png", 1), **layout)
    if count % 7 == 6:
        print("the device is gone", file=sys.stderr)
        raise SystemExit(1)
    if count % 5 == 4:
        say(id=number, error="RuntimeError: out of memory \x1b]52;c;aGk=\x07[/]")
        return
    moves = any(word.startswith("--to-seed") for word in arguments)
    path = picture(folder / f"{number}{'.gif' if moves else '.png'}", 3 if moves else 1)
    say(id=number, path=path, which="last", step=3, **layout)


def main() -> None:
    recipe = load(Path(sys.argv[1]) / "recipe.toml")
    say(folder=str(folder))
    threading.Thread(target=read, daemon=True).start()
    count = itertools.count()
    try:
        while (request := requests.get()) is not None:
            number = request["id"]
            if "save" in request:
                say(id=number, saved=request["save"])
            elif "read" in request:
                conditions = Labels.of(recipe.data).state()
                say(conditions=conditions, conditional=True, which=request["read"], step=3, device="cpu")
            else:
                draw(number, request["arguments"], next(count))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
