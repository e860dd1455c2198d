"""The checks and speeds of ``python -m tests.gpu``."""
