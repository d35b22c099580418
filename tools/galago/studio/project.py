# SPDX-License-Identifier: MIT
"""The classes and photos of a project: a folder with one sub-folder of photos per class.

    project = Project(Path("photos"), events)
    group = project.add_class("red cup")
    project.add_photo(group, rgb)                   # uint8 [h, w, 3]
    project.move(ids, other), project.delete(ids), project.undo()

The folders are what counts: photos that come and go by other programs are noticed. Ids are the server's own;
they lead to files by way of the tables here, so that no text of a request ever becomes a path, except the
name of a class, which `naming.class_name` has checked. All methods may be called from any thread.
"""

import threading
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, pictures
from galago.dataset.sharpness import sharpness
from galago.errors import GalagoError
from galago.studio.events import Events
from galago.studio.ingest import write_jpeg
from galago.studio.naming import class_name, new_id
from galago.studio.photo import Photo, from_record
from galago.studio.store import WORK, read_json, write_json
from galago.studio.undo import Trash

MOST_CLASSES = 100
MOST_PHOTOS = 50_000


class Project:
    """A project. `changed` is called, without the lock, after photos have come, gone or moved."""

    def __init__(self, root: Path, events: Events) -> None:
        self.root, self.work = root.resolve(), root.resolve() / WORK
        self.lock = threading.RLock()
        self.classes: dict[str, str] = {}
        """The folder of each class, by id."""
        self.photos: dict[str, Photo] = {}
        self.trash = Trash(self)
        self.changed = threading.Event()
        self._events = events
        self._times: dict[str, int] = {}
        self._load()
        self.scan()

    @property
    def name(self) -> str:
        """The project's name: its folder's."""
        return self.root.name

    def folder(self, group: str) -> Path:
        """Returns the folder of a class. Raises studio.missing."""
        if group not in self.classes:
            raise GalagoError("studio.missing", "no class with this id: reload the page")
        return self.root / self.classes[group]

    def photo(self, photo_id: str) -> Photo:
        """Returns a photo. Raises studio.missing."""
        if photo_id not in self.photos:
            raise GalagoError("studio.missing", "no photo with this id: it was deleted, reload the page")
        return self.photos[photo_id]

    def path(self, photo_id: str) -> Path:
        """Returns a photo's file. Raises studio.missing."""
        with self.lock:
            photo = self.photo(photo_id)
            return self.folder(photo.group) / photo.file

    def of_class(self, group: str) -> list[Photo]:
        """Returns the photos of a class, the oldest first. Raises studio.missing."""
        with self.lock:
            self.folder(group)
            return [photo for photo in self.photos.values() if photo.group == group]

    def summary(self) -> list[dict[str, Any]]:
        """Returns what a page shows of each class."""
        with self.lock:
            rows = {
                group: {"id": group, "name": name, "photos": 0, "held_out": 0, "marked": 0}
                for group, name in self.classes.items()
            }
            for photo in self.photos.values():
                row = rows[photo.group]
                row["photos"] += 1
                row["held_out"] += bool(photo.held_out)
                row["marked"] += bool(photo.marks)
            return list(rows.values())

    def add_class(self, name: object) -> str:
        """Makes a class and its folder; returns its id. Raises studio.name, studio.limit."""
        with self.lock:
            text = self._free_name(name)
            if len(self.classes) >= MOST_CLASSES:
                raise GalagoError(
                    "studio.limit", f"a project may have {MOST_CLASSES} classes: delete one first"
                )
            (self.root / text).mkdir(exist_ok=True)
            group = new_id("c")
            self.classes[group] = text
            self.trash.remember("add", f"the class {text}", group=group)
            self.save()
        self._events.publish("classes")
        return group

    def rename_class(self, group: str, name: object) -> None:
        """Renames a class and its folder. Raises studio.name, studio.missing."""
        with self.lock:
            old = self.folder(group)
            if name == old.name:
                return
            text = self._free_name(name, group)
            old.rename(self.root / text)
            self.trash.remember("rename", f"the name {text}", group=group, name=old.name)
            self.classes[group] = text
            self.save()
        self._events.publish("classes")

    def delete_class(self, group: str) -> None:
        """Deletes a class with its photos, until undone. Raises studio.missing."""
        with self.lock:
            folder = self.folder(group)
            photos = self.of_class(group)
            self.trash.delete(photos, f"the class {folder.name}", group=group, name=folder.name)
            del self.classes[group]
            self._remove_folder(folder)
            self.save()
        self._events.publish("classes")

    def add_photo(self, group: str, rgb: np.ndarray) -> Photo:
        """Writes a photo, uint8 [h, w, 3], into a class. Raises studio.missing, studio.limit, disk.full."""
        photo = Photo(new_id("p"), group, "")
        photo.file = f"{photo.id}.jpg"
        photo.fingerprint, photo.sharpness = dataset.fingerprint(rgb).tobytes().hex(), sharpness(rgb)
        part = self.work / "incoming" / photo.file
        part.parent.mkdir(parents=True, exist_ok=True)
        write_jpeg(rgb, part)
        try:
            with self.lock:  # a scan between the file and its row would add the photo twice
                if len(self.photos) >= MOST_PHOTOS:
                    raise GalagoError(
                        "studio.limit", f"a project may have {MOST_PHOTOS:,} photos: delete some first"
                    )
                stat = part.stat()
                photo.size, photo.time = stat.st_size, stat.st_mtime_ns
                part.rename(self.folder(group) / photo.file)
                self.photos[photo.id] = photo
        finally:
            part.unlink(missing_ok=True)
        return photo

    def move(self, ids: list[str], group: str) -> None:
        """Moves photos to another class. Raises studio.missing; then nothing has moved."""
        with self.lock:
            target = self.folder(group)
            chosen = [p for p in map(self.photo, ids) if p.group != group]
            places = [(photo.id, photo.group, photo.file) for photo in chosen]
            for photo in chosen:
                source = self.path(photo.id)
                name = photo.file.rsplit("/", 1)[-1]
                if (target / name).exists():
                    name = f"{photo.id}{source.suffix.lower()}"
                source.rename(target / name)
                photo.group, photo.file = group, name
            if places:
                self.trash.remember("move", _photos(len(places)), places=places)
        self.touched({place[1] for place in places} | {group})

    def delete(self, ids: list[str]) -> None:
        """Deletes photos, until undone. Raises studio.missing; then nothing is deleted."""
        with self.lock:
            chosen = list({photo_id: self.photo(photo_id) for photo_id in ids}.values())
            if chosen:
                self.trash.delete(chosen, _photos(len(chosen)))
        self.touched({photo.group for photo in chosen})

    def undo(self) -> str:
        """Takes back the last change; returns what it was, in words. Raises studio.undo if there is none."""
        with self.lock:
            what, groups = self.trash.undo()
        self.touched(groups)
        self._events.publish("classes")
        return what

    def touched(self, groups: set[str]) -> None:
        """Saves, tells the pages, and has the photos looked at."""
        with self.lock:
            self.save()
        for group in sorted(groups):
            self._events.publish("photos", **{"class": group})
        self.changed.set()

    def scan(self) -> None:
        """Takes over what other programs have changed in the folders. Raises dataset.missing."""
        if not self.root.is_dir():
            raise GalagoError("dataset.missing", f"no folder {self.root}: it is gone, or not mounted")
        with self.lock:
            names = {
                path.name for path in self.root.iterdir() if path.is_dir() and not path.name.startswith(".")
            }
            for group in [g for g, name in self.classes.items() if name not in names]:
                del self.classes[group]
                self.photos = {key: p for key, p in self.photos.items() if p.group != group}
            for name in sorted(names - set(self.classes.values()) - {"__MACOSX", "@eaDir"}):
                self.classes[new_id("c")] = name
            for group, name in self.classes.items():
                time = (self.root / name).stat().st_mtime_ns
                if self._times.get(group) != time:
                    self._scan_class(group)
                    self._times[group] = time
        self.changed.set()

    def save(self) -> None:
        """Writes the tables. Raises OSError."""
        with self.lock:
            write_json(self.work / "project.json", {"classes": self.classes})
            write_json(self.work / "photos.json", [photo.as_record() for photo in self.photos.values()])

    def _scan_class(self, group: str) -> None:
        folder = self.root / self.classes[group]
        known = {photo.file: photo for photo in self.photos.values() if photo.group == group}
        found: dict[str, Path] = {}
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if path.suffix.lower() in pictures.SUFFIXES and not any(part[0] == "." for part in parts):
                found["/".join(parts)] = path
        for file in set(known) - set(found):
            del self.photos[known[file].id]
        for file, path in found.items():
            stat = path.stat()
            photo = known.get(file)
            if photo is None or (photo.size, photo.time) != (stat.st_size, stat.st_mtime_ns):
                photo_id = photo.id if photo else new_id("p")
                self.photos[photo_id] = Photo(photo_id, group, file, stat.st_size, stat.st_mtime_ns)

    def _load(self) -> None:
        classes = read_json(self.work / "project.json", {}).get("classes")
        if isinstance(classes, dict):
            for group, name in classes.items():
                if isinstance(name, str) and (self.root / name).parent == self.root and name[:1] != ".":
                    self.classes[group] = name
        for record in read_json(self.work / "photos.json", []):
            photo = from_record(record)
            if photo and photo.group in self.classes:
                self.photos[photo.id] = photo

    def _free_name(self, name: object, own: str = "") -> str:
        text = class_name(name)
        taken = {each.casefold() for group, each in self.classes.items() if group != own}
        if text.casefold() in taken:
            raise GalagoError("studio.name", f"there is a class {text} already: choose another name")
        return text

    def _remove_folder(self, folder: Path) -> None:
        for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
            if not any(path.iterdir()):
                path.rmdir()
        if not any(folder.iterdir()):
            folder.rmdir()
        else:  # files that are no photos: they are the user's
            kept = self.work / "trash" / new_id("f")
            kept.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(kept)


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"
