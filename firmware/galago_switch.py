# SPDX-License-Identifier: MIT
"""Replaces old files by new ones atomically: after a power cut either all files are old or all are new.

New files are uploaded beside the old ones as PATH.new. The commit point is a single rename, of the list of
these files; the replacements follow at once or, after a power cut, at the next boot. `galago flash` also runs
this file over the serial line. It imports nothing from `mobilenet`, which may be half replaced at that time.
"""

import json
import os


def _root():
    # At a root directory that only holds mount points, statvfs counts no blocks.
    if os.statvfs("/")[2]:
        return ""
    found = [name for name in ("flash", "sdcard", "sd") if name in os.listdir("/")]
    return "/" + found[0] if found else ""


LIST = _root() + "/galago.switch.json"


def commit(files, removals=()):
    """Replaces each PATH in `files` by its PATH.new, and removes the paths in `removals`."""
    with open(LIST + ".part", "w") as file:
        json.dump({"files": files, "remove": removals}, file)
    os.rename(LIST + ".part", LIST)
    finish()


def finish():
    """Completes an interrupted switch; returns whether there was one."""
    try:
        with open(LIST) as file:
            work = json.load(file)
    except OSError:
        return False
    for path in work["files"]:
        if _exists(path + ".new"):
            try:
                os.rename(path + ".new", path)
            except OSError:  # FAT cannot rename over an existing file
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
