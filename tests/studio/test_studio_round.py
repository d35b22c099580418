# SPDX-License-Identifier: MIT
"""The whole round in a real browser: from an empty project to a flashed emulated board with live answers.

The page is opened anew after each step: whatever it shows must come from the server.
"""

import re
from pathlib import Path

import pytest

from docgen.studio_round import THINGS, play, things
from galago import models
from support.browser import chromium
from support.requirements import requires
from support.studio import RunningStudio
from support.studio_page import studio_page

NAMELESS = re.compile(r"^ *- (?:button|link|textbox|combobox|slider|checkbox)(?: \[.*\])?:?$", re.M)
"""What a screen reader would announce without a name."""

pytestmark = [pytest.mark.slow, requires("chromium", debian="chromium")]


def test_from_an_empty_project_to_a_boards_live_answers(studio: RunningStudio, tmp_path: Path) -> None:
    photos = things(tmp_path, count=12, side=128)
    with chromium(tmp_path, photos["cat"][:1]) as browser, studio_page(browser, studio.address) as page:

        def after(step: str) -> None:
            assert not NAMELESS.findall(page.locator("body").aria_snapshot()), step
            page.reload()
            page.get_by_role("heading", level=1).wait_for()

        play(page, photos, after)
    (listed,) = studio.get("/api/project")["models"]
    model = models.find(str(studio.folder / ".galago" / "models" / listed["id"]))
    assert set(model.labels) == set(THINGS)
