"""One rank that works when the leader asks: ``python rank_talk.py FOLDER RANK SIZE KIND``. RANK.json is what it saw.

The first time it works as KIND says, the second time well.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from engine.ranks.sharing import Share
from engine.ranks.team import Leader, Team


def main(folder: Path, rank: int, size: int, kind: str) -> None:
    store = dist.FileStore(str(folder / "store"), size)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    seen: dict[str, Any] = {"heard": []}
    share = Share(rank, size)
    team = Team(share, store) if rank else Leader(share, store)
    seen["copied"] = team.copied(torch.tensor([7, 8]) + rank).tolist()
    seen["equal"] = [team.all_equal(1.0), team.all_equal(float(rank))]
    kinds = iter([kind, "well"])
    if isinstance(team, Leader):
        for name in ("first", "second"):
            try:
                seen[name] = team.shared("work", {}, lambda: work(next(kinds), 0, lambda: None))
            except Exception as error:
                seen[name] = f"{type(error).__name__}: {error}"
        team.tell("end")
    else:
        while (word := team.hear()[0]) != "end":
            seen["heard"].append(word)
            team.give(lambda look: work(next(kinds), rank, look))
        seen["heard"].append("end")
    (folder / f"{rank}.json").write_text(json.dumps(seen))
    dist.destroy_process_group()


def work(kind: str, rank: int, look: Callable[[], None]) -> int:
    match kind:
        case "badly":
            raise ValueError("no")
        case "hungrily":
            raise torch.OutOfMemoryError("CUDA out of memory")
        case "endlessly":
            while True:
                look()
                time.sleep(0.01)
    return 10 * rank


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
