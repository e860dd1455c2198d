"""Evaluation: scores of a method and the protocols under which they may be compared."""
