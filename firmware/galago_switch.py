# SPDX-License-Identifier: MIT
"""The step from old files to new ones, whole or not at all, whenever the power goes.

New files lie beside the old ones as PATH.new. One rename, of a list of them to its name, decides; what is
left to do then is done at once, or at the next boot. `galago flash` runs this file over the serial line too.
It imports nothing of the package `mobilenet`, which may be half old and half new meanwhile.
"""

import json
import os


def _root():
    # At the top of a tree in which file systems are mounted, statvfs counts no blocks.
    if os.statvfs("/")[2]:
        return ""
    found = [name for name in ("flash", "sdcard", "sd") if name in os.listdir("/")]
    return "/" + found[0] if found else ""


LIST = _root() + "/galago.switch.json"


def commit(files, removals=()):
    """Puts every PATH.new in the place of PATH, and removes `removals`."""
    with open(LIST + ".part", "w") as file:
        json.dump({"files": files, "remove": removals}, file)
    os.rename(LIST + ".part", LIST)
    finish()


def finish():
    """Completes a switch that was interrupted; True if there was one."""
    try:
        with open(LIST) as file:
            work = json.load(file)
    except OSError:
        return False
    for path in work["files"]:
        if _exists(path + ".new"):
            try:
                os.rename(path + ".new", path)
            except OSError:  # FAT does not rename over a file
                os.remove(path)
                os.rename(path + ".new", path)
    for path in work["remove"]:
        if _exists(path):
            os.remove(path)
    os.remove(LIST)
    return True


def _exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True
