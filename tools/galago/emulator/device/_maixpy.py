# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""How MaixPy on the K210 differs: flash without folders, and its own names for itself."""

from collections import namedtuple

# As in MicroPython 1.11, sys.implementation has only these two fields.
implementation = namedtuple("implementation", ["name", "version"])("micropython", (0, 6, 3))


def uname(machine):
    """Returns the fields of os.uname()."""
    return ("MaixPy", "MaixPy", "0.6.3", "v0.6.3", machine)


class Flat:
    """MaixPy's SPIFFS on top of another file system: no folders; a slash is part of a file's name."""

    def __init__(self, disk):
        self._disk = disk

    def mount(self, readonly, mkfs):
        """Passed on to the file system below."""
        self._disk.mount(readonly, mkfs)

    def umount(self):
        """Passed on to the file system below."""
        self._disk.umount()

    def open(self, path, mode):
        """Open a file."""
        return self._disk.open(_name(path), mode)

    def stat(self, path):
        """Status of a file or of the root."""
        return self._disk.stat(_name(path))

    def statvfs(self, path):
        """Status of the file system, whatever the path."""
        return self._disk.statvfs("/")

    def ilistdir(self, path):
        """List all files, whatever the path."""
        for entry in self._disk.ilistdir("/"):
            yield (entry[0].replace(_SLASH, "/"),) + entry[1:]  # noqa: RUF005 - no syntax of MicroPython

    def remove(self, path):
        """Remove a file."""
        self._disk.remove(_name(path))

    def rename(self, old, new):
        """Rename a file, replacing another of that name."""
        self._disk.rename(_name(old), _name(new))

    def mkdir(self, path):
        """Folders are not supported."""
        raise NotImplementedError("SPIFFS not support")

    rmdir = mkdir

    def chdir(self, path):
        """Does nothing: there are no folders."""

    def getcwd(self):
        """Returns the root."""
        return ""


_SLASH = "\x01"


def _name(path):
    return path.strip("/").replace("/", _SLASH)
