# SPDX-License-Identifier: MIT
"""The pictures that `galago classify` is given: files, folders, and names from standard input.

for path in pictures_of([Path("photos"), Path("cat.jpg"), Path("-")]):
    ...
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


def pictures_of(arguments: Iterable[Path]) -> Iterator[Path]:
    """Yields the pictures in order: those in a folder sorted by path, and for `-` each as its line arrives.

    A folder without pictures is yielded itself: like any other bad argument it costs a line, not the run.
    """
    from galago import dataset
    from galago.errors import GalagoError

    for argument in arguments:
        if str(argument) == "-":
            for line in sys.stdin:
                if name := line.rstrip("\r\n"):
                    yield Path(name)
        elif argument.is_dir():
            try:
                yield from dataset.picture_files(argument)
            except GalagoError:
                yield argument
        else:
            yield argument
