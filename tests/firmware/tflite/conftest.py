# SPDX-License-Identifier: MIT
"""Runs models on the real interpreter and compares every tensor with TensorFlow Lite Micro."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from support import tensors


@pytest.fixture
def exact(compiled: Path, tmp_path: Path) -> Callable[..., None]:
    """Asserts that the engine computes every tensor as TFLM does, for models with int8 inputs (n, …)."""
    return functools.partial(tensors.compare, folder=tmp_path, package=compiled)
