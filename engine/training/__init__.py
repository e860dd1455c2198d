"""The training loop, one for every family, and what keeps its books."""
