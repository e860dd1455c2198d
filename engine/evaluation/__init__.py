"""Scores and the protocols that give them meaning."""
