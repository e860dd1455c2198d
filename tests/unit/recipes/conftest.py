"""Fixtures of these tests."""

from tests.support.recipes import fashion, no_fashion, problems, text  # noqa: F401
