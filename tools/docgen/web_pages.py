# SPDX-License-Identifier: MIT
"""Writes the table of docs/web.md: sizes and times of exported pages in Chromium; and takes its screenshots.

    python -m docgen.web_pages docs/web.md

The times are the best of many runs, since other programs only make them longer. Needs the extra `test` and
Debian's chromium.
"""

import platform
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from galago import models
from galago.cli.model import DEFAULT_MODEL
from galago.dataset import standard_photos
from galago.web import export

CHROMIUM = "/usr/bin/chromium"
_OPENINGS = 4
# Without the time that it takes to choose a photo.
_FIRST_ANSWER = """
performance.getEntriesByName("ready")[0].startTime + galago.result.ms.picture + galago.result.ms.network
"""
_MEASURE = """async (simd) => {
  const bundle = JSON.parse(document.getElementById("bundle").textContent);
  const { network } = await galago.classifier.constructor.load(bundle, { simd });
  let best = Infinity;
  for (const end = performance.now() + 3000; performance.now() < end; ) {
    const start = performance.now();
    for (let i = 0; i < 4; i++) network.run();
    best = Math.min(best, (performance.now() - start) / 4);
  }
  return best;
}"""


def main(document: Path) -> None:
    """Measures each shipped model, and replaces the table."""
    lines = [
        "| model | .tflite | page | of it code | first answer after | an inference | without SIMD | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name in models.shipped_names():
            lines.append(_row(browser, name, Path(folder) / "page.html"))
        _screenshots(browser, Path(folder) / "page.html", document.parent / "screenshots")
        lines.append(f"\nChromium {browser.version}, {platform.machine()}.")
        browser.close()
    text = document.read_text(encoding="utf-8")
    table = "<!-- table -->\n" + "\n".join(lines) + "\n<!-- end -->"
    document.write_text(
        re.sub(r"<!-- table -->.*<!-- end -->", lambda _: table, text, flags=re.DOTALL), encoding="utf-8"
    )


def _row(browser: Any, name: str, file: Path) -> str:
    model = models.find(name)
    text = export.page(model)
    file.write_text(text, encoding="utf-8")
    bundle = export.bundle(model)
    total = len(text.encode())
    code = total - len(str(bundle["model"]))
    photo = next(path for path in standard_photos.paths() if path.suffix == ".jpg")
    page = browser.new_page()
    answered: list[float] = []
    for _ in range(_OPENINGS):
        page.goto(file.as_uri())
        page.get_by_text("Ready.").wait_for(timeout=60_000)
        page.set_input_files("#file", photo)
        page.locator("#bars li").first.wait_for(timeout=60_000)
        answered.append(page.evaluate(_FIRST_ANSWER))
    fast, plain = (page.evaluate(_MEASURE, simd) for simd in (True, False))
    page.close()
    sizes = [f"{size / 1000:,.0f} kB" for size in (model.tflite.stat().st_size, total, code)]
    times = [f"{min(answered):.0f} ms", f"{fast:.2f} ms", f"{plain:.1f} ms", f"{plain / fast:.0f}"]
    return "| " + " | ".join([f"`{name}`", *sizes, *times]) + " |"


def _screenshots(browser: Any, file: Path, folder: Path) -> None:
    """A phone in the dark, and a layer of the default model on a desktop."""
    file.write_text(export.page(models.find(DEFAULT_MODEL)), encoding="utf-8")
    for name, width, scheme in (("web-phone", 360, "dark"), ("web-desktop", 1100, "light")):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.goto(file.as_uri())
        page.get_by_text("Ready.").wait_for(timeout=60_000)
        page.set_input_files("#file", standard_photos.paths()[0])
        page.locator("#bars li").first.wait_for(timeout=60_000)
        if scheme == "light":
            page.get_by_text("Look inside").click()
            page.evaluate("galago.inside.choose('layer', 1); galago.inside.choose('channel', 4)")
        for _ in range(20):
            page.evaluate("galago.look(galago.source, galago.source)")
        target = folder / f"{name}.png"
        page.screenshot(path=target, full_page=True)
        page.close()
        with Image.open(target) as image:  # a quarter of the bytes
            image.convert("RGB").quantize(128).save(target, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
