"""Files that would run code, if they were unpickled: it makes a file, the marker."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch


class Payload:
    """Pickled, it is a call that makes a file."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


def torch_file(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def zipped(marker: Path, *more: str) -> bytes:
    """A file as torch.save writes them, its pickle exchanged for a payload, and with ``more`` empty records."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(torch_file({"a": torch.zeros(2)}))) as good,
        zipfile.ZipFile(made, "w") as bad,
    ):
        for name in good.namelist():
            hostile = name.endswith("data.pkl")
            bad.writestr(name, pickle.dumps({"a": Payload(marker)}, 2) if hostile else good.read(name))
        for name in more:
            bad.writestr(f"{good.namelist()[0].partition('/')[0]}/{name}", b"")
    return made.getvalue()


def tarred(marker: Path) -> bytes:
    """A file as the first versions of torch wrote them."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name in ("storages", "tensors", "pickle"):
            content = pickle.dumps(Payload(marker), 2)
            record = tarfile.TarInfo(name)
            record.size = len(content)
            tar.addfile(record, io.BytesIO(content))
    return file.getvalue()


PAYLOADS: dict[str, Callable[[Path], bytes]] = {
    "code, pickled": lambda marker: pickle.dumps(Payload(marker)),
    "code, protocol 2": lambda marker: pickle.dumps(Payload(marker), 2),
    "code in torch's zip": zipped,
    "code in torch's zip, by torch": lambda marker: torch_file({"fc.weight": Payload(marker)}),
    "code in TorchScript": lambda marker: zipped(marker, "constants.pkl"),
    "code in torch's tar": tarred,
}
