# SPDX-License-Identifier: MIT
"""A server that the tests of a file share."""

from collections.abc import Iterator

import pytest

from support.studio import RunningStudio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    running = RunningStudio(tmp_path_factory.mktemp("studio") / "project")
    yield running
    running.kill()
