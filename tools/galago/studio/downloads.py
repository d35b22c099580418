# SPDX-License-Identifier: MIT
"""What people take away as a zip: a model directory, or the whole project, which opens anywhere again.

data = model_zip(model)
write_project(studio, path); open_project(studio, path)
"""

import io
import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.studio import ingest
from galago.studio.answers import FILE as ANSWERS
from galago.studio.models import ABOUT
from galago.studio.naming import class_name, new_id
from galago.studio.store import WORK

if TYPE_CHECKING:
    from galago.studio.studio import Studio

_MODEL_FILES = ("model.tflite", "model.json", "recipe.toml", "report.json", "report.html", "float.keras")
_KEPT = (*_MODEL_FILES[:4], ABOUT, ANSWERS)
"""Files of a model that a project takes along. The float network is code, and is left out."""
_LARGEST_MODEL = 64 << 20
_HELD_OUT = f"{WORK}/held_out.json"


def model_zip(model: ModelDirectory) -> bytes:
    """Returns a model directory as a zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in _MODEL_FILES:
            if (model.path / name).is_file():
                archive.write(model.path / name, f"{model.name}/{name}")
    return file.getvalue()


def write_project(studio: "Studio", path: Path) -> None:
    """Writes photos, models and what is held out as a zip, which unpacked is a project again."""
    with studio.project.lock:
        photos = {
            photo.id: (studio.project.path(photo.id), photo) for photo in studio.project.photos.values()
        }
        classes = dict(studio.project.classes)
    held_out = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in classes.values():
            archive.mkdir(name)
        for source, photo in photos.values():
            place = f"{classes[photo.group]}/{photo.file}"
            try:
                archive.write(source, place)
            except FileNotFoundError:
                continue  # deleted meanwhile
            if photo.held_out:
                held_out.append(place)
        archive.writestr(_HELD_OUT, json.dumps(held_out, ensure_ascii=False))
        for row in studio.models.rows():
            for name in _KEPT:
                file = studio.models.path(row["id"]) / name
                if file.is_file():
                    archive.write(file, f"{WORK}/models/{row['id']}/{name}")


def open_project(studio: "Studio", path: Path) -> dict[str, Any]:
    """Takes a project's zip over into this project, which has to be empty; every photo is decoded anew.

    Returns {added, refused, models}. Raises studio.zip for another zip, studio.busy if there are photos.
    """
    if studio.project.photos:
        raise GalagoError(
            "studio.busy", "this project has photos: open the zip in a new one, galago studio NEW"
        )
    if not ingest.is_zip(path):
        raise GalagoError("studio.zip", "not a zip: choose a project that was downloaded from the studio")
    added, refused = 0, []
    groups: dict[str, str] = {name: key for key, name in studio.project.classes.items()}
    try:
        with zipfile.ZipFile(path) as archive:
            held_out = set(_held_out(archive))
            for member in archive.infolist():
                parts = PurePosixPath(member.filename).parts
                if member.is_dir() and len(parts) == 1 and parts[0][0] != ".":
                    _group(studio, groups, parts[0])
            for item in ingest.unpack(path, "the project"):
                if item.error or item.path is None or not item.folder:
                    refused.append({"name": item.name, "error": _as_dict(item.error)})
                    continue
                try:
                    group = _group(studio, groups, item.folder)
                    photo = studio.project.add_photo(group, ingest.read_upright(item.path))
                    photo.held_out = f"{item.folder}/{item.name}" in held_out
                    added += 1
                except GalagoError as error:
                    refused.append({"name": item.name, "error": _as_dict(error)})
            models = _take_models(studio, archive)
    except (zipfile.BadZipFile, ValueError, RuntimeError, EOFError) as error:
        raise GalagoError("studio.zip", f"the zip is damaged ({error}): download it again") from None
    studio.project.touched(set(groups.values()))
    studio.events.publish("classes")
    return {"added": added, "refused": refused, "models": models}


def _group(studio: "Studio", groups: dict[str, str], name: str) -> str:
    text = class_name(name)
    if text not in groups:
        groups[text] = studio.project.add_class(text)
    return groups[text]


def _held_out(archive: zipfile.ZipFile) -> list[str]:
    if _HELD_OUT not in archive.namelist() or archive.getinfo(_HELD_OUT).file_size > 16 << 20:
        return []
    value = json.loads(archive.read(_HELD_OUT))
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _take_models(studio: "Studio", archive: zipfile.ZipFile) -> int:
    """Takes the models over that are whole; returns how many."""
    files: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for member in archive.infolist():
        parts = PurePosixPath(member.filename).parts
        ours = len(parts) == 4 and parts[:2] == (WORK, "models") and parts[3] in _KEPT
        if ours and member.file_size <= _LARGEST_MODEL:
            files.setdefault(parts[2], {})[parts[3]] = member
    count = 0
    for members in list(files.values())[:100]:
        folder = studio.project.work / "models" / new_id("m")
        folder.mkdir(parents=True)
        for name, member in members.items():
            (folder / name).write_bytes(archive.read(member))
        try:
            ModelDirectory.open(folder)
            count += 1
        except GalagoError:
            studio.models.discard(folder)
    return count


def _as_dict(error: GalagoError | None) -> dict[str, str]:
    error = error or GalagoError("dataset.layout", "it is in no class's folder: put it into one")
    return {"code": error.code, "message": error.message}
