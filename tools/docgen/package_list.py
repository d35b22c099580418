# SPDX-License-Identifier: MIT
"""Writes the list of the device package's files for `mpremote mip install`, firmware/package.json.

python -m docgen.package_list firmware/package.json
"""

import json
import sys
from pathlib import Path

from galago import __version__


def package_list(folder: Path) -> str:
    """Returns the list for the package `mobilenet` in `folder`."""
    files = sorted(path.relative_to(folder).as_posix() for path in (folder / "mobilenet").rglob("*.py"))
    return json.dumps({"version": __version__, "urls": [[name, name] for name in files]}, indent=1) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(package_list(target.parent), encoding="utf-8")
