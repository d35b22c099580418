# SPDX-License-Identifier: MIT
"""Films a round in the studio and writes the screenshots of docs/studio.md.

    python -m docgen.studio_film docs/screenshots

Needs the extras `studio`, `train` and `test`, Debian's chromium, and ImageNet's weights where Keras looks for
them.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from docgen.studio_round import play, things

CHROMIUM = "/usr/bin/chromium"
_PHOTOS = 40  # of each class
_DESKTOP = (1200, 760)
_PHONE = (360, 720)
_COLOURS = 128
_PATIENCE = 600_000  # milliseconds: films are made on busy computers too
_SHOWN = ("collect", "train", "look", "try", "deploy")
_DARK = ("deploy",)  # these pictures show the dark mode


def main(folder: Path) -> None:
    """Starts a studio on an empty project, plays the round and takes a picture of each step."""
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        root, project = Path(temporary), Path(temporary) / "projects" / "desk things"
        (root / "photos").mkdir()
        argv = [sys.executable, "-m", "galago", "studio", str(project)]
        options = ["--no-browser", "--port", "0", "--phone"]
        with subprocess.Popen([*argv, *options], stdout=subprocess.PIPE, encoding="utf-8") as server:
            assert server.stdout
            address = server.stdout.readline().strip()
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            try:
                _film(browser, address, things(root / "photos", _PHOTOS), folder)
            finally:
                browser.close()
                server.terminate()


def _film(browser: Any, address: str, photos: dict[str, list[Path]], folder: Path) -> None:
    width, height = _DESKTOP
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.set_default_timeout(_PATIENCE)
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()

    def picture(name: str) -> None:
        if name not in _SHOWN:
            return
        page.evaluate("scrollTo(0, 0)")
        page.emulate_media(color_scheme="dark" if name in _DARK else "light")
        page.wait_for_timeout(1000)  # for thumbnails, which nothing announces
        _save(page, folder / f"studio-{name}.png")

    play(page, photos, picture)
    page.goto(address.split("?")[0] + "#collect")
    page.get_by_role("button", name="Phone").first.click()
    page.locator("dialog code").wait_for()
    phone = browser.new_page(viewport={"width": _PHONE[0], "height": _PHONE[1]}, color_scheme="dark")
    phone.goto(page.locator("dialog code").inner_text())
    phone.get_by_role("heading", name="Photos of").wait_for()
    _save(phone, folder / "studio-phone.png")


def _save(page: Any, file: Path) -> None:
    page.screenshot(path=file)
    with Image.open(file) as image:  # a quarter of the bytes
        image.convert("RGB").quantize(_COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
