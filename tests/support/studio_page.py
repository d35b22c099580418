# SPDX-License-Identifier: MIT
"""A studio's page in a browser, without errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PATIENCE = 60_000  # milliseconds


@contextmanager
def studio_page(browser: Any, address: str, width: int = 1280, **options: Any) -> Iterator[Any]:
    """The page at an address. At its end: no errors, no foreign address, nothing wider than the window."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, permissions=["camera"], reduced_motion="reduce", **options
    )
    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(_text(message)))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    loaded: set[str] = set()
    page.on("request", lambda request: loaded.add(request.url))
    page.goto(address)
    yield page
    site = address.split("/")[2]
    assert not wrong, wrong
    foreign = {url for url in loaded if not url.startswith(("data:", "blob:")) and url.split("/")[2] != site}
    assert not foreign, foreign
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def _text(message: Any) -> str:
    return f"{message.text} {message.location.get('url', '')}"
