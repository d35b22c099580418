# SPDX-License-Identifier: MIT
"""A browser for the tests of exported pages: Debian's Chromium, whose camera plays a photo."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from galago.dataset import standard_photos
from support.browser import chromium


@pytest.fixture(scope="session")
def photo() -> Path:
    """A JPEG that boards read."""
    return next(path for path in standard_photos.paths() if path.suffix == ".jpg")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Iterator[Any]:
    """Chromium whose camera shows the photo; one at a time in a process is what Playwright allows."""
    with chromium(tmp_path_factory.mktemp("camera"), [photo]) as running:
        yield running
