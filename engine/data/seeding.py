"""Random generators seeded by keys, the same for every device."""

from __future__ import annotations

import numpy as np
import torch


def generator(sequence: np.random.SeedSequence) -> torch.Generator:
    """A generator on the CPU, seeded by ``sequence``."""
    state = sequence.generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> 1))
