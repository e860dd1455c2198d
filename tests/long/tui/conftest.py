"""Fixtures of these tests."""

from tests.support.app import desk, each_size, home, keys_file, quick_sampler, runs, size, undrawn  # noqa: F401
from tests.support.keys import furnished  # noqa: F401
from tests.support.terminal import terminal  # noqa: F401
