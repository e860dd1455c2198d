"""A method's nets as text: every layer with its output shape and its number of parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from torch import Tensor, nn

from engine import devices
from engine.data.batch import Batch
from engine.methods import Method


def describe(method: Method, batch: Batch) -> str:
    """One table per net. Shapes are recorded while a copy of the method computes its gradient on ``batch``."""
    device = batch.images.device
    before = devices.rng_state(device)
    shapes: dict[nn.Module, str] = {}

    def record(layer: nn.Module, given: object, out: object) -> None:
        shapes.setdefault(layer, _shape(out))

    copied = copy.deepcopy(method)
    for net in copied.nets.values():
        for layer in net.modules():
            layer.register_forward_hook(record)
    try:
        copied.probe_gradient(batch)
    finally:
        devices.set_rng_state(before, device)
    return "\n".join("\n".join(_table(name, net, shapes)) for name, net in copied.nets.items()) + "\n"


def _table(name: str, net: nn.Module, shapes: dict[nn.Module, str]) -> Iterator[str]:
    total = sum(p.numel() for p in net.parameters())
    yield f"{name}: {type(net).__name__}, {total:,} parameters"
    yield ""
    rows = [("layer", "kind", "output", "parameters")]
    for path, layer in net.named_modules():
        own = sum(p.numel() for p in layer.parameters(recurse=False))
        if path and (own or not list(layer.children())):
            rows.append((path, _kind(layer), shapes.get(layer, ""), f"{own:,}" if own else ""))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        cells = [row[i].ljust(widths[i]) for i in range(3)] + [row[3].rjust(widths[3])]
        yield "  ".join(cells).rstrip()
    yield ""


def _kind(layer: nn.Module) -> str:
    extra = layer.extra_repr()
    return f"{type(layer).__name__}({extra})" if len(extra) <= 60 else type(layer).__name__


def _shape(out: object) -> str:
    """The output's shape without the batch axis, which depends on the caller; "" for what is not a tensor."""
    if isinstance(out, tuple) and out:
        out = out[0]
    return "×".join(str(side) for side in out.shape[1:]) or "1" if isinstance(out, Tensor) else ""
