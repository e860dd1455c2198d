"""Fixtures of these tests."""

from tests.support.evaluation import digits, extractor  # noqa: F401
