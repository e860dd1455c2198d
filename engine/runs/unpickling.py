"""Words for files that torch refuses to unpickle. Its own advise to load them all the same."""

from __future__ import annotations

import pickle

NOT_TENSORS = "it is no file of tensors alone, and what else is in it could run code: it was not loaded"


def in_words(error: Exception) -> str:
    """Why ``torch.load(…, weights_only=True)`` failed, in one line."""
    # Archives of TorchScript and of torch's first versions are refused by other errors, with the same advice.
    if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
        return NOT_TENSORS
    return " ".join(str(error).split())[:200] or type(error).__name__
