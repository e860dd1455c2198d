"""Reading tensors from other people's files of weights, without running what is in them."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch import Tensor

from engine.evaluation.extractors import read_weights, unusable


def read_tensors(path: Path, sha256_prefix: str, extractor: str) -> tuple[dict[str, Tensor], str]:
    """Tensors by name in a file that ``torch.save`` wrote, and the first 8 hex digits of its sha256.

    A dictionary with the tensors under ``state_dict``, as checkpoints have it, is unpacked. Raises ExtractorError when
    the file cannot be read, is not the published one, or holds something else than tensors.
    """
    content, digest = read_weights(path, sha256_prefix)
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
            state = state["state_dict"]
        if not (isinstance(state, dict) and all(isinstance(value, Tensor) for value in state.values())):
            raise TypeError("it holds something else than tensors by name")
    except Exception as error:  # a damaged pickle may raise anything
        raise unusable(path, extractor, error) from error
    return state, digest
