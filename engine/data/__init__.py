"""Data sets as uint8 tensors, and batches of them on the device."""

from engine.data.batches import Batches
from engine.data.dataset import (
    DataError,
    Dataset,
    Progress,
    Split,
    fingerprint,
    open_dataset,
    resize,
    to_float,
    to_uint8,
)

__all__ = [
    "Batches",
    "DataError",
    "Dataset",
    "Progress",
    "Split",
    "fingerprint",
    "open_dataset",
    "resize",
    "to_float",
    "to_uint8",
]
