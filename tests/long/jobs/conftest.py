"""Fixtures of these tests."""

from tests.support.jobs import home, launch  # noqa: F401
