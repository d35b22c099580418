# SPDX-License-Identifier: MIT
"""The file of `galago classify --resume`: one serial line per picture, to continue where a run was cut off.

with Record.open(path, model, top) as record:
    for line in record.earlier(pictures):       # takes the pictures that are done from the iterator
        ...
    for line in classify(board, model, pictures, top, first=record.count):
        record.add(line)

A line that was cut off by a crash is dropped, and its picture is classified again. The lines must be those of
these pictures, in this order, and of this model: anything else is an error, and the file stays as it is.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.transport.answers import picture_line

_LONGEST = (
    1 << 20
)  # bytes of a line; a model of 25,000 classes with --top 25000 writes more, and cannot resume
_BEGINNING = b'{"seq": '


class Record:
    """The lines so far, of which none is kept in memory."""

    def __init__(self, path: Path, file: IO[bytes], model: ModelDirectory, top: int) -> None:
        self._path, self._file, self._name = path, file, model.name
        self._labels = dict(enumerate(model.labels))
        self._top = min(top, len(model.labels))
        self.count = 0
        """How many pictures are done."""

    @classmethod
    def open(cls, path: Path, model: ModelDirectory, top: int) -> Self:
        """Open the file, or make it. Raises GalagoError usage if it is no regular file."""
        if path.exists() and not path.is_file():
            raise GalagoError("usage", f"--resume {path}: expected a file for the lines, or none yet")
        path.touch()
        return cls(path, path.open("r+b"), model, top)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def earlier(self, pictures: Iterator[Path]) -> Iterator[dict[str, Any]]:
        """Yield the lines of the file, after taking a picture for each from the iterator.

        Raises GalagoError usage for a line that does not belong to its picture, or to this model and --top.
        """
        end = 0
        while (data := self._file.readline(_LONGEST)).endswith(b"\n"):
            yield self._checked(data, next(pictures, None))
            self.count += 1
            end += len(data)
        if data[: len(_BEGINNING)] != _BEGINNING[: len(data)] or len(data) == _LONGEST:
            raise self._refusal("is not the line of a picture")
        self._file.seek(end)
        self._file.truncate()

    def add(self, line: dict[str, Any]) -> None:
        """Append a picture's line, so that it is in the file however this process ends."""
        self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        self.count += 1

    def _checked(self, data: bytes, picture: Path | None) -> dict[str, Any]:
        try:
            line = picture_line(json.loads(data))
        except (ValueError, RecursionError):
            raise self._refusal("is not the line of a picture") from None
        if picture is None:
            raise self._refusal(f"is about {line['image']}, but only {self.count} pictures were named")
        name = image_name(picture)
        if (line["seq"], line["image"]) != (self.count, name):
            raise self._refusal(
                f"is number {line['seq']}, {line['image']}: expected number {self.count}, {name}"
            )
        ranked = line.get("top", ())
        known = all(self._labels.get(each["index"]) == each["label"] for each in ranked)
        if "top" in line and (len(ranked) != self._top or not known):
            raise self._refusal(f"is of another model than {self._name}, or of another --top")
        return line

    def _refusal(self, what: str) -> GalagoError:
        return GalagoError(
            "usage",
            f"--resume {self._path}: line {self.count + 1} {what}: repeat the command that made the file, or "
            "name a new one",
        )


def image_name(path: Path) -> str:
    """The name of a picture in its line, with `?` for what is not UTF-8: file names may contain any bytes."""
    return path.name.encode("utf-8", "replace").decode()
