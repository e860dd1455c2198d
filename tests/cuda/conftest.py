"""Fixtures of these tests."""

from collections.abc import Iterator

import pytest

from tests.support.pretended_cuda import Gpu, pretended_gpu


@pytest.fixture
def gpu() -> Iterator[Gpu]:
    """A pretended GPU with bf16."""
    with pretended_gpu() as gpu:
        yield gpu
