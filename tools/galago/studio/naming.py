# SPDX-License-Identifier: MIT
"""Names: of classes, which users choose and which become folders, and ids, which the server makes.

name = class_name("  red cup ")     # "red cup"
photo_id = new_id("p")              # "p4f9c0a1b2d3e"
"""

import re
import secrets
import unicodedata

from galago.errors import GalagoError

LONGEST = 60  # characters of a class's name, as screens and serial lines show it
_FORBIDDEN = set('<>:"/\\|?*')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|__macosx|@eadir)(\..*)?", re.IGNORECASE)


def class_name(text: object) -> str:
    """Returns a class's name as the folder's name that it becomes, on any file system.

    Raises studio.name, which says what to change.
    """
    if not isinstance(text, str):
        raise GalagoError("studio.name", f"expected a name as text, got {text!r:.40}: send {{name}}")
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > LONGEST or len(name.encode()) > 240:
        raise GalagoError(
            "studio.name", f"a class's name has 1 to {LONGEST} characters, this one {len(name)}: change it"
        )
    bad = sorted({c for c in name if c in _FORBIDDEN or not c.isprintable()})
    if bad:
        raise GalagoError(
            "studio.name",
            f"{name!r:.80}: {' '.join(map(repr, bad))} cannot be in the name of a folder: leave it out",
        )
    if name[0] == "." or name[-1] == "." or _RESERVED.fullmatch(name):
        raise GalagoError(
            "studio.name", f"{name!r}: a folder of this name would be hidden or refused: choose another"
        )
    return name


def new_id(kind: str) -> str:
    """Returns an id that was never used: a letter for the kind of thing, and 12 hexadecimal digits."""
    return kind + secrets.token_hex(6)
