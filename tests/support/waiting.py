"""Waiting for something that another process or thread does: until it is so, or the test fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T | None], what: str = "", seconds: float = 60.0, interval: float = 0.02
) -> T:
    """Return the first true value of ``condition``, asked for every ``interval`` seconds.

    ``condition`` may end the wait early by failing the test. Only conditions that stay true once they are may be
    waited for: an event in a log, a file, the end of a process.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(interval)
    raise AssertionError(f"waited {seconds:g} s in vain: {what or condition}")


async def loop_is_idle(rounds: int = 100_000) -> None:
    """Return once the running event loop has nothing to do before a timer, a file or a thread wakes it."""
    loop: Any = asyncio.get_running_loop()
    for _ in range(rounds):
        await asyncio.sleep(0)
        if not loop._ready:  # asyncio does not say so in public
            return
    raise AssertionError("the event loop never comes to rest")
