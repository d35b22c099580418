# SPDX-License-Identifier: MIT
"""Writes docs/runtimes.md. `make runtimes`; it takes half an hour.

python -m docgen.compatibility docs/runtimes.md [MODEL …] --data ../shared/data
"""

import argparse
import tempfile
from pathlib import Path

from docgen.compatibility import page, row
from docgen.compatibility.subjects import subjects

_PHOTOS = "images/imagenet_val650"
_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("page", type=Path)
    parser.add_argument("models", nargs="*", help="names or directories; default: those of the page")
    parser.add_argument("--data", type=Path, required=True, help="folder with images/ and keras/")
    parser.add_argument("--count", type=int, default=10, help="number of photos")
    arguments = parser.parse_args()
    folder = arguments.data / _PHOTOS
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if not files:
        print(f"no photos in {folder}: only golden pictures are compared")
    photos = [path for path in files if path.suffix.lower() in _SUFFIXES][: arguments.count]
    rows = {}
    with tempfile.TemporaryDirectory(prefix="galago-") as built:
        for model in subjects(arguments.data, Path(built), print, arguments.models):
            print(f"{model.name} …", flush=True)
            rows[model.name] = row(model, photos)
    arguments.page.write_text(page(rows, len(photos)), encoding="utf-8")


if __name__ == "__main__":
    main()
