# SPDX-License-Identifier: MIT
"""What was deleted and changed, so that it can be taken back: the last fifty changes of a project.

    trash = Trash(project)
    trash.delete(photos, "3 photos")
    trash.remember("move", "1 photo", places=[(id, class, file)])
    trash.undo()

Deleted photos lie in `.galago/trash` until fifty changes have followed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from galago.errors import GalagoError
from galago.studio.photo import Photo, from_record
from galago.studio.store import read_json, write_json

if TYPE_CHECKING:
    from galago.studio.project import Project

_MOST = 50
_DONE = {"add": "added", "rename": "given", "move": "moved", "delete": "deleted"}


class Trash:
    """The changes of a project; the project holds its lock meanwhile."""

    def __init__(self, project: "Project") -> None:
        self._project = project
        self._folder = project.work / "trash"
        self._file = project.work / "undo.json"
        self._changes: list[dict[str, Any]] = read_json(self._file, [])

    @property
    def last(self) -> str | None:
        """What would be taken back, in words; None if there is nothing."""
        return f"{self._changes[-1]['what']} {_DONE[self._changes[-1]['kind']]}" if self._changes else None

    def remember(self, kind: str, what: str, **content: Any) -> None:
        """Keeps a change: kind is add, rename, move or delete, and `content` what undoing needs."""
        self._changes.append({"kind": kind, "what": what, **content})
        for old in self._changes[:-_MOST]:
            for record in old.get("photos", ()):
                self._kept(record["id"], record["file"]).unlink(missing_ok=True)
        del self._changes[:-_MOST]
        write_json(self._file, self._changes)

    def delete(self, photos: list[Photo], what: str, **content: Any) -> None:
        """Moves photos here; with `group` and `name`, a whole class."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for photo in photos:
            path = self._project.path(photo.id)
            if path.exists():
                path.rename(self._kept(photo.id, photo.file))
            del self._project.photos[photo.id]
        self.remember("delete", what, photos=[photo.as_record() for photo in photos], **content)

    def undo(self) -> tuple[str, set[str]]:
        """Takes back the last change; returns what it was, and the classes that it concerns.

        Raises studio.undo if there is nothing to take back, or it cannot be any more.
        """
        if not self._changes:
            raise GalagoError("studio.undo", "nothing to undo: nothing was changed yet")
        what = str(self.last)
        change = self._changes.pop()
        write_json(self._file, self._changes)
        try:
            groups = getattr(self, f"_undo_{change['kind']}")(change)
        except (KeyError, AttributeError, OSError) as error:
            raise GalagoError("studio.undo", f"cannot undo {what}: {error}: its files have changed") from None
        return what, groups

    def _undo_add(self, change: dict[str, Any]) -> set[str]:
        group = change["group"]
        if any(photo.group == group for photo in self._project.photos.values()):
            raise GalagoError(
                "studio.undo", f"cannot undo {change['what']}: it has photos, delete it instead"
            )
        self._project.folder(group).rmdir()
        del self._project.classes[group]
        return set()

    def _undo_rename(self, change: dict[str, Any]) -> set[str]:
        group = change["group"]
        self._project.folder(group).rename(self._project.root / change["name"])
        self._project.classes[group] = change["name"]
        return {group}

    def _undo_move(self, change: dict[str, Any]) -> set[str]:
        groups = set()
        for photo_id, group, file in change["places"]:
            photo = self._project.photos.get(photo_id)
            if photo is None or group not in self._project.classes:
                continue
            groups |= {photo.group, group}
            self._project.path(photo_id).rename(self._project.folder(group) / file)
            photo.group, photo.file = group, file
        return groups

    def _undo_delete(self, change: dict[str, Any]) -> set[str]:
        if "group" in change:
            (self._project.root / change["name"]).mkdir(exist_ok=True)
            self._project.classes[change["group"]] = change["name"]
        groups = set()
        for record in change["photos"]:
            photo = from_record(record)
            if photo is None or photo.group not in self._project.classes:
                continue
            kept, target = self._kept(photo.id, photo.file), self._project.folder(photo.group) / photo.file
            if kept.exists() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                kept.rename(target)
                self._project.photos[photo.id] = photo
                groups.add(photo.group)
        return groups

    def _kept(self, photo_id: str, file: str) -> Path:
        return self._folder / (photo_id + Path(file).suffix)
