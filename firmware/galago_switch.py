# SPDX-License-Identifier: MIT
"""Replaces old files by new ones atomically: after a power cut either all files are old or all are new.

New files are uploaded beside the old ones as PATH.new. The commit point is a single rename, of the list of
these files; the replacements follow at once or, after a power cut, at the next boot. What is on a card waits
until the card is back. `galago flash` also runs this file over the serial line. It imports nothing from
`mobilenet`, which may be half replaced at that time.
"""

import json
import os


def _root():
    # At a root directory that only holds mount points, statvfs counts no blocks.
    if os.statvfs("/")[2]:
        return ""
    found = [name for name in ("flash", "sdcard", "sd") if name in os.listdir("/")]
    return "/" + found[0] if found else ""


_BLOCK = 512
ROOT = _root()
LIST = ROOT + "/galago.switch.json"


def commit(files, removals=()):
    """Replaces each PATH in `files` by its PATH.new, and removes the paths in `removals`.

    Raises OSError if a file system or card fails; what is left to do is then done at the next boot.
    """
    _keep({"files": files, "remove": removals})
    finish()
    if _exists(LIST):
        raise OSError(5)  # EIO


def finish():
    """Completes an interrupted switch, as far as its files can be reached; returns whether there was one."""
    try:
        with open(LIST) as file:
            work = json.load(file)
    except OSError:
        return False
    left = {"files": [], "remove": []}
    for key, act in (("files", _replace), ("remove", _remove)):
        for path in work[key]:
            try:
                if not _is_away(path):
                    act(path)
                    continue
            except OSError:  # one bad file must not keep the board from booting
                pass
            left[key].append(path)
    if not (left["files"] or left["remove"]):
        os.remove(LIST)
    elif left != work:
        _keep(left)
    return True


def _replace(path):
    new, copy = path + ".new", path + ".new.part"
    if _exists(new) and _exists(path):
        if not _same(new, path):
            _rename(new, path)
            return
        # After a power cut in a FAT's rename both may be names of one file: removing one frees its bytes.
        _copy(new, copy)
        os.remove(path)
    if _exists(copy) and not _exists(path):
        if _exists(new):
            os.remove(new)
        os.rename(copy, path)
    elif _exists(new):
        os.rename(new, path)


def _rename(old, new):
    try:
        os.rename(old, new)
    except OSError:  # an old FAT cannot rename over an existing file
        if not _exists(new):
            raise
        os.remove(new)
        os.rename(old, new)


def _remove(path):
    if _exists(path):
        os.remove(path)


def _keep(work):
    with open(LIST + ".part", "w") as file:
        json.dump(work, file)
    _rename(LIST + ".part", LIST)


def _same(one, other):
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            block = first.read(_BLOCK)
            if block != second.read(_BLOCK):
                return False
            if not block:
                return True


def _copy(source, target):
    with open(source, "rb") as old, open(target, "wb") as new:
        while True:
            block = old.read(_BLOCK)
            if not block:
                return
            new.write(block)


def _is_away(path):
    # Whether its card is missing: files are in folders that were made before them, so their top one exists.
    own = ROOT and path.startswith(ROOT + "/")
    return not own and path.count("/") > 2 and not _exists(path[: path.find("/", 1)])


def _exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True
