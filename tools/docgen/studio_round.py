# SPDX-License-Identifier: MIT
"""The round in the studio's window, as a person does it: from nothing to a board's live answers.

    play(page, things(folder), lambda name: page.screenshot(path=f"{name}.png"))

`docgen.studio_film` takes pictures of it for docs/studio.md, and `tests/studio/test_studio_round.py` tests
it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from galago import dataset
from galago.dataset import standard_photos

THINGS = {"cat": "chelsea.png", "coffee": "coffee.png", "flower": "flower.jpg"}
"""Classes, and the standard photo that each is cut from."""
_PART = (0.25, 0.7)  # share of the photo's area


def things(folder: Path, count: int, side: int = 320) -> dict[str, list[Path]]:
    """Writes `count` different parts of a photo for each class, `side` pixels square; returns their files."""
    files = {path.name: path for path in standard_photos.paths()}
    result = {}
    for number, (name, file) in enumerate(THINGS.items()):
        random = np.random.default_rng(number)
        with Image.open(files[file]) as image:
            rgb = np.asarray(image.convert("RGB"))
        result[name] = [folder / f"{name}-{each}.jpg" for each in range(count)]
        for path in result[name]:
            part = dataset.random_crop(rgb, _PART, random)
            Image.fromarray(part).resize((side, side)).save(path, quality=90)
    return result


def play(page: Any, photos: Mapping[str, list[Path]], after: Callable[[str], None]) -> None:
    """Plays the round on an opened page of Playwright; calls `after` with the name of each finished step."""
    after("start")
    _collect(page, photos)
    after("collect")
    _train(page, after)
    after("train")
    _step(page, "Look")
    page.get_by_role("heading", name="What is mistaken for what").wait_for()
    after("look")
    _step(page, "Try")
    answer = page.frame_locator("iframe")
    answer.get_by_text("Ready.").wait_for()
    answer.locator("#file").set_input_files(next(iter(photos.values()))[0])
    answer.locator("#bars li").first.wait_for()
    after("try")
    _deploy(page)
    after("deploy")
    _step(page, "Take away")
    page.get_by_role("link", name="Project zip").wait_for()
    after("take")


def _step(page: Any, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name).click()
    page.get_by_role("heading", level=1, name=name).wait_for()


def _collect(page: Any, photos: Mapping[str, list[Path]]) -> None:
    """The first class is recorded by the webcam too, the others are files."""
    page.get_by_role("button", name="Start from scratch").click()
    for number, (name, files) in enumerate(photos.items()):
        box = page.get_by_role("textbox", name="Add a class" if number else "Name of the first class")
        box.fill(name)
        box.press("Enter")
        column = page.get_by_role("group", name=name, exact=True)
        column.locator("input[type=file]").set_input_files(files)
        column.get_by_text(f"{len(files)} photos").wait_for()


def _train(page: Any, after: Callable[[str], None]) -> None:
    _step(page, "Train")
    page.get_by_role("combobox", name="Board").select_option("RPI_PICO2")
    page.get_by_text("Fits Raspberry Pi Pico 2").wait_for()
    page.get_by_role("button", name="Get a quick answer").click()
    page.get_by_role("region", name="Work in progress").get_by_text("Quick model").wait_for()
    after("training")
    page.get_by_text("of the test photos correct").wait_for(timeout=600_000)


def _deploy(page: Any) -> None:
    _step(page, "Deploy")
    board = page.get_by_role("region", name="Emulated")
    board.get_by_role("button", name="Install").click()
    board.locator(".log li").first.wait_for(timeout=600_000)
