"""What ``State.extra["on"]`` says of a job's place in Slurm."""

from __future__ import annotations

from typing import Any

from engine.runs.directory import State

_KINDS: dict[str, tuple[type, ...]] = {
    "launcher": (str,), "name": (str,), "options": (dict,), "devices": (int,), "nodes": (int,),
    "job": (str,), "token": (str,), "submitting": (int, float), "submitted_at": (int, float), "alarm": (str,),
    "group": (str,), "index": (int,), "size": (int,), "at_once": (int,),
}  # fmt: skip


def on_of(state: State) -> dict[str, Any]:
    """The fields that are well formed."""
    on = state.extra.get("on")
    if not isinstance(on, dict):
        return {}
    return {
        key: value
        for key, value in on.items()
        if isinstance(value, _KINDS.get(key, ())) and not isinstance(value, bool)
    }


def with_on(state: State, **changes: Any) -> State:
    """The state with some fields changed."""
    return state.with_(extra={**state.extra, "on": {**on_of(state), **changes}})
