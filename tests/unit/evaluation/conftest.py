"""Fixtures of these tests."""

from tests.support.engine import _one_thread  # noqa: F401
from tests.support.evaluation import digits, extractor  # noqa: F401
