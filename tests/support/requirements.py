# SPDX-License-Identifier: MIT
"""What tests need beyond the test dependencies: Debian packages, extras of pyproject.toml, test data.

    pytestmark = requires("qemu-xtensa", debian="qemu-user")    # or as a decorator
    keras = extra_module("keras", extra="train")                # at the top of a module, or in a test

Where something is missing, the tests that need it are skipped with a reason that says what to install. With
CI=true they fail instead, so that CI cannot leave out tests unnoticed.
"""

import importlib
import os
import shutil
from typing import Any, NoReturn

import pytest


def requires(program: str, debian: str) -> pytest.MarkDecorator:
    """Marks tests that need a program, which Debian has in the package `debian`; conftest.py looks for it."""
    return pytest.mark.requires(program=program, debian=debian)


def check(item: pytest.Item) -> None:
    """Skips or fails a test whose `requires` marks name a program that is not on PATH."""
    for mark in item.iter_markers("requires"):
        if shutil.which(mark.kwargs["program"]) is None:
            missing(f"needs {mark.kwargs['program']} (Debian: {mark.kwargs['debian']})")


def extra_module(name: str, extra: str) -> Any:
    """Imports and returns a module that one of Galago's extras installs."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing(f"needs {name}: pip install -e '.[{extra}]' ({error})")


def missing(reason: str) -> NoReturn:
    """Skips the running test or, at the top of a module, the whole module. With CI=true it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; with CI=true nothing may be missing", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
