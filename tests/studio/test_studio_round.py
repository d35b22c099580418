# SPDX-License-Identifier: MIT
"""The whole round in a real browser: from an empty project to a flashed emulated board with live answers.

The page is opened anew after each step, and in the middle of the training: whatever it shows must come from
the server.
"""

import re
from collections.abc import Iterator

import pytest

from docgen.studio_round import THINGS, play, things
from galago import models
from support.accessibility import AXE, Axe
from support.browser import chromium
from support.requirements import requires
from support.studio import RunningStudio
from support.studio_page import studio_page

NAMELESS = re.compile(r"^ *- (?:button|link|textbox|combobox|slider|checkbox)(?: \[.*\])?:?$", re.M)
"""What a screen reader would announce without a name."""

pytestmark = [pytest.mark.slow, requires("chromium", debian="chromium")]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningStudio, dict[str, list[str]]]]:
    """A studio after the round, and what axe-core found wrong in each step of it."""
    folder = tmp_path_factory.mktemp("round")
    axe = Axe() if AXE.is_file() else None
    photos, found = things(folder, count=12, side=128), {}
    running = RunningStudio(folder / "project", "--phone")
    try:
        with chromium(folder, photos["cat"][:1]) as browser:
            with studio_page(browser, running.address) as page:

                def after(step: str) -> None:
                    assert not NAMELESS.findall(page.locator("body").aria_snapshot()), step
                    if axe and step != "training":
                        found[step] = axe.findings(page)
                    page.reload()
                    page.get_by_role("heading", level=1).wait_for()

                play(page, photos, after)
            with studio_page(browser, running.phone_address(), width=360) as phone:
                phone.get_by_role("heading", name="Photos of").wait_for()
                if axe:
                    found["phone"] = axe.findings(phone)
        yield running, found
    finally:
        running.kill()


def test_from_an_empty_project_to_a_boards_live_answers(
    played: tuple[RunningStudio, dict[str, list[str]]],
) -> None:
    studio, _ = played
    (listed,) = studio.get("/api/project")["models"]
    model = models.find(str(studio.folder / ".galago" / "models" / listed["id"]))
    assert set(model.labels) == set(THINGS)


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core: npm ci --prefix tests/browser")
def test_axe_finds_nothing_serious(played: tuple[RunningStudio, dict[str, list[str]]]) -> None:
    assert len(played[1]) == 8
    assert not {step: found for step, found in played[1].items() if found}
