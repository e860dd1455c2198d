"""Random draws that are known from a key alone, the same on every device."""

from __future__ import annotations

import numpy as np
import torch


def generator(sequence: np.random.SeedSequence) -> torch.Generator:
    """On the CPU, begun where ``sequence`` says."""
    state = sequence.generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> 1))
