# SPDX-License-Identifier: MIT
"""A model as a web app: the page, with what a browser needs to install it and to open it without a network.

    for name, content in files(model).items():
        (folder / name).write_bytes(content)

service-worker.js is named after what the other files contain, so that a browser notices new ones.
"""

import hashlib
import json
from pathlib import Path
from string import Template

from galago.models import ModelDirectory
from galago.web import export, icon

_SIDES = (192, 512)  # pixels of the icons that browsers ask for
_PAGE, _MANIFEST, _WORKER = "index.html", "manifest.webmanifest", "service-worker.js"
_BACK, _ACCENT = "#f5f8f7", "#0f766e"  # of page/style.css


def files(model: ModelDirectory) -> dict[str, bytes]:
    """The files of the app by their names. Raises GalagoError as `export.page` does."""
    icons = {f"icon-{side}.png": icon.png(side) for side in _SIDES}
    made = {
        _PAGE: export.page(model, manifest=_MANIFEST).encode(),
        _MANIFEST: _manifest(model.name, list(icons)).encode(),
        **icons,
    }
    return {**made, _WORKER: worker(made)}


def _manifest(name: str, icons: list[str]) -> str:
    """The web app manifest (https://www.w3.org/TR/appmanifest)."""
    entries = [
        {"src": file, "sizes": f"{side}x{side}", "type": "image/png", "purpose": purpose}
        for file, side in zip(icons, _SIDES, strict=True)
        for purpose in ("any", "maskable")
    ]
    content = {
        "name": name,
        "short_name": name,
        "description": "Classifies pictures on this device, byte for byte as a microcontroller does.",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": _BACK,
        "theme_color": _ACCENT,
        "icons": entries,
    }
    return json.dumps(content, indent=2) + "\n"


def worker(made: dict[str, bytes]) -> bytes:
    """The service worker that keeps these files, and is another one for other content."""
    digest = hashlib.sha256()
    for content in made.values():
        digest.update(hashlib.sha256(content).digest())
    names = ["./" if name == _PAGE else name for name in made]
    template = Template((Path(__file__).with_name("page") / _WORKER).read_text(encoding="utf-8"))
    return template.substitute(version=digest.hexdigest()[:16], files=json.dumps(names)).encode()
