# SPDX-License-Identifier: MIT
"""What a user passes to `galago import`: which kind of file or folder it is, and what it holds.

with source.opened(Path("converted_tflite.zip")) as found:
    found.kind, found.form                 # "Teachable Machine export, model.tflite", "tflite"
    found.file                             # a path: .tflite, Keras file or SavedModel folder
    found.labels, found.labels_from        # what lies beside the model, or None

Nothing of a file is executed here.
"""

import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from galago import labels, special_files
from galago.errors import GalagoError
from galago.importer import c_array
from galago.importer.archive import Archive

Form = Literal["tflite", "keras", "savedmodel", "onnx"]

LARGEST = 512 << 20
"""The largest file in bytes; a .tflite for a board has less than a tenth of it."""
SUFFIXES = (".tflite", ".lite", ".keras", ".h5", ".hdf5", ".zip", ".onnx", ".cc", ".cpp", ".c", ".h", ".pb")
"""Suffixes of files that are taken for models."""
_LABEL_FILES = ("labels.txt", "label.txt", "labels.json", "class_names.txt", "labelmap.txt", "labels.csv")
_MOST_FILES = 20_000  # of a folder that are looked at
_C_SOURCE = (".c", ".cc", ".cpp", ".h", ".hpp")
_GENERAL = {
    "model",
    "trained",
    "model_unquant",
    "saved_model",
    "keras_model",
    "1",
    "network",
    "trained_model",
}
_REFUSED = {
    ".pb": "a frozen TensorFlow 1 graph or half a SavedModel: pass the SavedModel's folder, or a .tflite",
    ".pt": "a PyTorch model: export it with torch.onnx.export, and import the .onnx",
    ".pth": "the weights of a PyTorch model: export the model with torch.onnx.export, and import the .onnx",
    ".kmodel": "compiled for Kendryte chips: pass the .tflite that it was made from",
    ".eim": "an Edge Impulse program for Linux: download the TensorFlow Lite (int8) block from its dashboard",
}


@dataclass(frozen=True)
class Source:
    """A model file or folder, with what was found beside the model."""

    kind: str
    """What it is, in words."""
    form: Form
    file: Path
    """The .tflite, the Keras or ONNX file, or the SavedModel folder."""
    name: str
    """A name for the model."""
    labels: list[str] | None = None
    labels_from: str | None = None
    """Where the labels are from."""
    input_range: str | None = None
    """The range that this kind of export always has."""


@contextlib.contextmanager
def opened(path: Path, encoding: str | None = None) -> Iterator[Source]:
    """The model that a path holds; files inside an archive exist until the end of the block.

    `encoding` is that of the labels. Raises GalagoError model.missing, model.malformed, model.labels.
    """
    special_files.refuse(path)
    if not path.exists():
        raise GalagoError(
            "model.missing", f"no file {path}: pass a .tflite, .keras, .h5, .onnx, zip or SavedModel"
        )
    with tempfile.TemporaryDirectory(prefix="galago-") as temporary:
        if path.is_dir():
            yield _folder(path, Path(temporary), encoding)
        else:
            yield _file(path, Path(temporary), encoding)


def _file(path: Path, temporary: Path, encoding: str | None) -> Source:
    if path.stat().st_size > LARGEST:
        raise GalagoError(
            "model.malformed",
            f"{path}: {path.stat().st_size:,} bytes, expected at most {LARGEST >> 20} MiB: no board holds it",
        )
    if path.suffix.lower() in _REFUSED:
        raise GalagoError("model.malformed", f"{path} is {_REFUSED[path.suffix.lower()]}")
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:] == b"TFL3":
        return _beside(Source("TensorFlow Lite file", "tflite", path, _name(path)), path.parent, encoding)
    if head == b"\x89HDF\r\n\x1a\n":
        return _beside(Source("Keras .h5 file", "keras", path, _name(path)), path.parent, encoding)
    if head[:4] == b"PK\x03\x04":
        with Archive.open(path) as archive:
            if {"config.json", "model.weights.h5"} <= set(archive.names):
                return _beside(Source("Keras file", "keras", path, _name(path)), path.parent, encoding)
            return _archive(path, archive, temporary, encoding)
    if path.suffix.lower() == ".onnx":
        return _beside(Source("ONNX file", "onnx", path, _name(path)), path.parent, encoding)
    if path.suffix.lower() in _C_SOURCE:
        data = c_array.model_of(path.read_bytes())
        if data:
            return _beside(_written(data, temporary, "C array", _name(path)), path.parent, encoding)
        raise GalagoError("model.malformed", f"{path} has no array with a .tflite: pass the .tflite itself")
    raise GalagoError(
        "model.malformed",
        f"{path}: neither a .tflite nor a Keras or ONNX file nor a zip of one (it starts with "
        f"{head[:4].hex(' ')}): download or export it again",
    )


def _folder(path: Path, temporary: Path, encoding: str | None) -> Source:
    if (path / "saved_model.pb").is_file():
        source = Source("SavedModel", "savedmodel", path, _name(path))
        return _beside(_beside(source, path, encoding), path / "assets", encoding)
    if (path / "model.json").is_file() and (path / "model.tflite").is_file():
        raise GalagoError(
            "model.missing", f"{path} is a model directory already: every verb takes it as it is"
        )
    found = sorted(itertools.islice(path.rglob("*"), _MOST_FILES))
    files = {str(file.relative_to(path)): file for file in found if file.is_file()}
    nested = [file.parent for name, file in files.items() if file.name == "saved_model.pb"]
    if len(nested) == 1 and not any(name.endswith(".tflite") for name in files):
        return _beside(_folder(nested[0], temporary, encoding), path, encoding)
    chosen = _chosen(path, list(files))
    if chosen is None:
        return _library(path, {n: f.read_bytes() for n, f in files.items() if _is_library(n)}, temporary)
    source = _file(files[chosen], temporary, encoding)
    return _beside(source, path, encoding)


def _archive(path: Path, archive: Archive, temporary: Path, encoding: str | None) -> Source:
    names = archive.names
    if any(PurePosixPath(name).name == "saved_model.pb" for name in names):
        archive.extract(temporary)
        source = _folder(temporary, temporary, encoding)
        return _origin(replace(source, name=_name(path)), path, names)
    chosen = _chosen(path, names)
    if chosen is None:
        found = {name: archive.read(name) for name in names if _is_library(name)}
        return _library(path, found, temporary)
    file = temporary / PurePosixPath(chosen).name
    file.write_bytes(archive.read(chosen))
    for name in names:
        if PurePosixPath(name).name.lower() in _LABEL_FILES:
            (temporary / PurePosixPath(name).name).write_bytes(archive.read(name))
    source = _file(file, temporary, encoding)
    return _origin(replace(source, name=_name(path)), path, names)


def _origin(source: Source, path: Path, names: list[str]) -> Source:
    """Says which program made an archive, where its files tell."""
    files = {PurePosixPath(name).name for name in names}
    inside = source.file.name
    if "ei_image_classification.py" in files or "trained.tflite" in files:
        return replace(source, kind=f"Edge Impulse export, {inside}")
    teachable = {"keras_model.h5", "model_unquant.tflite", "model_edgetpu.tflite"}
    folders = {part for name in names for part in PurePosixPath(name).parts}
    folder = any(part.endswith(".savedmodel") for part in folders)
    if folder or teachable & files or {"model.tflite", "labels.txt"} == files:
        return replace(source, kind=f"Teachable Machine export, {inside}", input_range="-1..1")
    return replace(source, kind=f"{path.name}, {inside}")


def _chosen(path: Path, names: list[str]) -> str | None:
    """The model among the files of a folder or archive; None if there is none. Raises model.missing."""
    models = [name for name in names if name.lower().endswith((".tflite", ".lite"))]
    models = [name for name in models if "edgetpu" not in name and "vela" not in name] or models
    integer = [name for name in models if "int8" in name.lower() or "quantized" in name.lower()]
    models = integer if len(integer) == 1 else models
    if not models:
        models = [name for name in names if name.lower().endswith((".h5", ".keras", ".onnx"))]
    if len(models) > 1:
        shown = ", ".join(sorted(models)[:6])
        raise GalagoError("model.missing", f"{path} has {len(models)} models ({shown}): pass one of them")
    if models:
        return models[0]
    if any(PurePosixPath(name).name == "weights.bin" for name in names):
        raise GalagoError(
            "model.missing",
            f"{path} is a TensorFlow.js export: export the model again as TensorFlow Lite, quantized, or "
            "as Keras",
        )
    return None


def _is_library(name: str) -> bool:
    return name.endswith(_C_SOURCE) and ("tflite" in name or name.endswith("model_variables.h"))


def _library(path: Path, files: dict[str, bytes], temporary: Path) -> Source:
    """The model in the C source of an Edge Impulse library."""
    for content in files.values():
        data = c_array.model_of(content)
        if data:
            break
    else:
        raise GalagoError(
            "model.missing",
            f"{path} holds no .tflite, .keras, .h5 or .onnx, no SavedModel and no C array of one: an Edge "
            "Impulse library must be built without the EON compiler",
        )
    names = [c_array.labels_of(text.decode(errors="replace")) for text in files.values()]
    found = next((each for each in names if each), None)
    source = _written(data, temporary, "Edge Impulse library, C array", _name(path))
    return replace(source, labels=found, labels_from="model_variables.h" if found else None)


def _written(data: bytes, folder: Path, kind: str, name: str) -> Source:
    file = folder / "model.tflite"
    file.write_bytes(data)
    return Source(kind, "tflite", file, name)


def _beside(source: Source, folder: Path, encoding: str | None) -> Source:
    """The source with the labels in a folder, if it has none yet."""
    if source.labels is not None or not folder.is_dir():
        return source
    candidates = (*_LABEL_FILES, f"{source.file.stem}.txt", f"{source.file.stem}_labels.txt")
    for name in candidates:
        if (folder / name).is_file():
            return replace(source, labels=labels.read(folder / name, encoding), labels_from=name)
    return source


def _name(path: Path) -> str:
    """A name that model.json accepts: the file's, or its folder's where the file's says nothing."""
    path = path.resolve()
    stem = path.name if path.is_dir() else path.stem
    if stem.lower() in _GENERAL and path.parent.name:
        stem = path.parent.name
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in stem).strip("-._")
    return plain[:64] or "model"
