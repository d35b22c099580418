# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""What MaixPy on the K210 has otherwise: a flash without folders, and how it calls itself."""

from collections import namedtuple

# Of MicroPython 1.11: sys.implementation has no more than these two.
implementation = namedtuple("implementation", ["name", "version"])("micropython", (0, 6, 3))


def uname(machine):
    """As os.uname()."""
    return ("MaixPy", "MaixPy", "0.6.3", "v0.6.3", machine)


class Flat:
    """SPIFFS as MaixPy has it, on top of another file system: no folders, a slash is a letter of names."""

    def __init__(self, disk):
        self._disk = disk

    def mount(self, readonly, mkfs):
        """As a file system's."""
        self._disk.mount(readonly, mkfs)

    def umount(self):
        """As a file system's."""
        self._disk.umount()

    def open(self, path, mode):
        """A file."""
        return self._disk.open(_name(path), mode)

    def stat(self, path):
        """Of a file, or of the root."""
        return self._disk.stat(_name(path))

    def statvfs(self, path):
        """Of the whole."""
        return self._disk.statvfs("/")

    def ilistdir(self, path):
        """All files, whatever the path."""
        for entry in self._disk.ilistdir("/"):
            yield (entry[0].replace(_SLASH, "/"),) + entry[1:]  # noqa: RUF005 - no syntax of MicroPython

    def remove(self, path):
        """A file."""
        self._disk.remove(_name(path))

    def rename(self, old, new):
        """A file, over another if need be."""
        self._disk.rename(_name(old), _name(new))

    def mkdir(self, path):
        """There are none."""
        raise NotImplementedError("SPIFFS not support")

    rmdir = mkdir

    def chdir(self, path):
        """Nothing happens."""

    def getcwd(self):
        """Always the root."""
        return ""


_SLASH = "\x01"


def _name(path):
    return path.strip("/").replace("/", _SLASH)
