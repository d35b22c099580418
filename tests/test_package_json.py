# SPDX-License-Identifier: MIT
"""firmware/package.json lists the device package for `mpremote mip install`, whole."""

import json
from pathlib import Path

from galago import __version__

FIRMWARE = Path(__file__).resolve().parents[1] / "firmware"


def test_it_lists_every_file_of_the_device_package() -> None:
    package = json.loads((FIRMWARE / "package.json").read_text())
    files = sorted(str(path.relative_to(FIRMWARE)) for path in (FIRMWARE / "mobilenet").rglob("*.py"))
    assert package["version"] == __version__
    assert package["urls"] == [[name, name] for name in files], "run `make package`"
