# SPDX-License-Identifier: MIT
"""The studio's page in a real browser, on a real server: photos in all ways, by keyboard too."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from galago import resources
from support.browser import chromium
from support.requirements import requires
from support.studio import RunningStudio, jpeg
from support.studio_page import studio_page

pytestmark = [pytest.mark.slow, requires("chromium", debian="chromium")]
MODEL = "flowers-nano-80"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio that lets phones in, with a shipped model."""
    folder = tmp_path_factory.mktemp("page") / "project"
    shutil.copytree(resources.models_dir() / MODEL, folder / ".galago" / "models" / "mshipped")
    running = RunningStudio(folder, "--phone")
    yield running
    running.kill()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / f"{number}.jpg" for number in range(8)]
    for number, path in enumerate(paths):
        path.write_bytes(jpeg(number))
    return paths


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, photos: list[Path]) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("camera"), photos[:1]) as running:
        yield running


def add_class(page: Any, name: str) -> Any:
    """Adds a class and returns its column."""
    label = page.get_by_role("textbox", name="Name of the first class").or_(
        page.get_by_role("textbox", name="Add a class")
    )
    label.fill(name)
    label.press("Enter")
    column = page.get_by_role("group", name=name, exact=True)
    column.wait_for()
    return column


def step(studio: RunningStudio, name: str) -> str:
    """The address of a step, without the token, which the page has given back by then."""
    return f"{studio.address.split('?')[0]}#{name}"


def count(studio: RunningStudio, name: str) -> int:
    return next(each["photos"] for each in studio.get("/api/project")["classes"] if each["name"] == name)


def test_photos_from_files_and_webcam_selected_moved_deleted_and_undone(
    browser: Any, studio: RunningStudio, photos: list[Path], tmp_path: Path
) -> None:
    with studio_page(browser, studio.address) as page:
        page.get_by_role("button", name="Start from scratch").click()
        cup = add_class(page, "cup")
        (tmp_path / "notes.jpg").write_text("no picture")
        cup.locator("input[type=file]").set_input_files([*photos, tmp_path / "notes.jpg"])
        cup.get_by_text("8 photos").wait_for()
        page.get_by_role("status").get_by_text("notes.jpg").wait_for()  # refused, with the reason
        page.get_by_role("button", name="Close").click()

        table = add_class(page, "an empty table, of all the things that a camera can see")
        table.get_by_role("button", name="Webcam").click()
        page.get_by_role("button", name="Burst of 20").click()
        page.get_by_text("20 photos taken.").wait_for()
        page.keyboard.press("Escape")
        table.get_by_text("20 photos").wait_for()

        # By keyboard alone from here.
        grid = cup.get_by_role("listbox", name="Photos of cup")
        grid.focus()
        for key in ("Home", " ", "Shift+ArrowRight"):
            grid.press(key)
        assert cup.get_by_role("option", selected=True).count() == 2
        grid.press("Delete")
        cup.get_by_text("6 photos").wait_for()
        page.get_by_role("button", name="Undo").last.press("Enter")
        cup.get_by_text("8 photos").wait_for()
        grid.press("Control+a")
        page.get_by_role("combobox", name="Move to").select_option(index=2)
        table.get_by_text("28 photos").wait_for()
        page.keyboard.press("Control+z")
        cup.get_by_text("8 photos").wait_for()
        assert count(studio, "cup") == 8

        page.reload()
        page.get_by_role("group", name="cup", exact=True).get_by_role("option").first.wait_for()
        title = page.get_by_role("textbox", name="Name of the class").first
        title.fill("mug")
        title.press("Enter")
        page.get_by_role("group", name="mug").wait_for()
        assert count(studio, "mug") == 8


def test_only_what_is_in_sight_is_drawn(browser: Any, studio: RunningStudio) -> None:
    """Five thousand photos are listed as the server lists them; the page asks for one page of them."""
    with studio_page(browser, studio.address) as page:
        page.goto(step(studio, "collect"))
        column = add_class(page, "many")
        (group,) = (each["id"] for each in studio.get("/api/project")["classes"] if each["name"] == "many")
        asked = []

        def answer(route: Any) -> None:
            asked.append(route.request.url)
            listed = [{"id": f"none{number}", "marks": [], "held_out": False} for number in range(200)]
            route.fulfill(json={"total": 5000, "photos": listed})

        page.route(f"**/api/classes/{group}/photos?*", answer)
        thumbnail = jpeg(0)
        page.route("**/api/photos/none*", lambda route: route.fulfill(body=thumbnail))
        grid = column.locator("photo-grid")
        grid.evaluate("(grid, id) => { grid.hidden = false; grid.open(id, 5000); }", group)
        page.get_by_role("option", name="Photo 1 of 5000").wait_for()
        column.get_by_role("listbox").press("End")
        page.get_by_role("option", name="Photo 5000 of 5000").wait_for()
        assert column.get_by_role("option").count() < 60
        assert len(asked) <= 3


def test_two_windows_see_each_others_changes(browser: Any, studio: RunningStudio, photos: list[Path]) -> None:
    with studio_page(browser, studio.address) as page, studio_page(browser, studio.address) as other:
        for each in (page, other):
            each.goto(step(studio, "collect"))
        mine = add_class(page, "shared")
        theirs = other.get_by_role("group", name="shared", exact=True)
        theirs.locator("input[type=file]").set_input_files(photos[:3])
        mine.get_by_text("3 photos").wait_for()
        mine.get_by_role("option", name="Photo 3 of 3").wait_for()
        add_class(page, "of the first window")
        other.get_by_role("group", name="of the first window").wait_for()


def test_a_phone_adds_a_photo_and_tries_the_model(
    browser: Any, studio: RunningStudio, photos: list[Path]
) -> None:
    studio.post("/api/classes", {"name": "from the phone"})
    with studio_page(browser, studio.phone_address(), width=360) as phone:
        phone.get_by_role("button", name="from the phone").click()
        phone.locator("#choose").set_input_files(photos[0])
        phone.get_by_role("button", name="from the phone 1 photo").wait_for()
        phone.get_by_role("link", name=MODEL).click()
        phone.get_by_text("Ready.").wait_for()
        phone.locator("#file").set_input_files(photos[1])
        phone.locator("#bars li").first.wait_for()
    assert count(studio, "from the phone") == 1


def test_a_model_is_deleted_after_a_question(browser: Any, studio: RunningStudio) -> None:
    with studio_page(browser, studio.address) as page:
        page.goto(step(studio, "take"))
        page.get_by_role("button", name=f"Delete {MODEL}").click()
        page.get_by_role("dialog").get_by_role("button", name="Keep").click()
        page.get_by_role("button", name=f"Delete {MODEL}").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
        page.get_by_text("Trained models appear here.").wait_for()
    assert studio.get("/api/project")["models"] == []
