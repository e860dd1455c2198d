"""Training: the loop shared by every method, with its schedule, metrics log, checkpoints and monitoring."""
