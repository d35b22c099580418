# SPDX-License-Identifier: MIT
"""What a project knows of a photo: where it is, and what was found in it."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass
class Photo:
    """A photo of a class. What was found in it belongs to the file of this size and time."""

    id: str
    group: str
    """The id of its class."""
    file: str
    """Its path in the class's folder."""
    size: int = 0
    """Bytes."""
    time: int = 0
    """Of the last change, in ns."""
    fingerprint: str = ""
    """`dataset.fingerprint` as hexadecimal digits; empty if nobody has looked yet, or it is broken."""
    sharpness: float = 0.0
    error: str = ""
    """Why it cannot be read."""
    held_out: bool | None = None
    """Whether it is kept apart from training; None if that is not decided yet."""
    twin: str = ""
    """The first photo that it is a near-duplicate of, if there is one."""
    blurred: bool = False

    @property
    def seen(self) -> bool:
        """Whether somebody has looked at the file."""
        return bool(self.fingerprint or self.error)

    @property
    def marks(self) -> list[str]:
        """What is wrong with it: duplicate, blurred, broken."""
        found = {"duplicate": self.twin, "blurred": self.blurred, "broken": self.error}
        return [mark for mark, reason in found.items() if reason]

    def as_dict(self) -> dict[str, Any]:
        """Returns what a page shows."""
        shown = {"id": self.id, "marks": self.marks, "held_out": bool(self.held_out)}
        return shown | ({"error": self.error} if self.error else {})

    def as_record(self) -> dict[str, Any]:
        """Returns what is kept on disk."""
        return asdict(self)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "size": int,
    "time": int,
    "sharpness": (int, float),
    "held_out": (bool, type(None)),
    "blurred": bool,
}


def from_record(record: object) -> Photo | None:
    """Returns the photo of a record, None if it is not one: files of a project come from anywhere."""
    names = {field.name for field in fields(Photo)}
    if not isinstance(record, dict) or not {"id", "group", "file"} <= set(record) <= names:
        return None
    if not all(isinstance(value, _TYPES.get(name, str)) for name, value in record.items()):
        return None
    return Photo(**record)
