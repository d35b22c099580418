# SPDX-License-Identifier: MIT
"""From what a page asks for to the order of a job, checked, with everything that its process needs.

kind, title, order = orders.FOR["quick"](studio, {"kind": "quick"})
studio.jobs.start(kind, title, order)
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galago import imagenet
from galago.errors import GalagoError
from galago.evaluate.answers import FLOAT
from galago.flash import micropython_image
from galago.studio.fitting import BLOCKS, SIZES, known_board
from galago.studio.naming import new_id
from galago.studio.ports import EMULATED

if TYPE_CHECKING:
    from galago.studio.studio import Studio

Order = tuple[str, str, dict[str, Any]]
ALPHAS = imagenet.ALPHAS
_DEFAULTS = {"mobilenet_v1": 0.25, "mobilenet_v2": 0.35}


def training(studio: "Studio", wish: dict[str, Any]) -> Order:
    """Returns the order to train, fully or (`quick`) the head alone.

    Raises studio.request for a network that does not exist, dataset.classes with fewer than two classes.
    """
    kind = "quick" if wish["kind"] == "quick" else "train"
    network, start = _network(wish), _start(studio, wish)
    frozen = studio.project.work / "frozen" / new_id("f")
    held_out = freeze(studio, frozen)
    number = 1 + max([0, *(_number(row["name"]) for row in studio.models.rows())])
    name = f"{_plain(studio.project.name)}-{number}"
    order = {
        "name": name,
        "model_id": new_id("m"),
        "models": str(studio.project.work / "models"),
        "photos": str(frozen / "photos"),
        "test": str(frozen / "held out") if held_out else None,
        **network,
        "start": str(_copied(start, frozen / "start")) if start else None,
        "start_model": str(start) if start else None,
        "project": str(studio.project.root),
        "frozen": str(frozen),
        "features": str(studio.project.work / "features.npz"),
    }
    titles = {"quick": "Quick model", "train": "Fine-tuning" if start else "Training"}
    return kind, f"{titles[kind]} {name}", order


def _network(wish: dict[str, Any]) -> dict[str, Any]:
    """Returns the network and the epochs that are asked for. Raises studio.request."""
    architecture = wish.get("architecture") or "mobilenet_v1"
    if architecture not in ALPHAS:
        raise GalagoError("studio.request", f"expected one of {', '.join(ALPHAS)}, got {architecture!r:.40}")
    alpha = wish.get("alpha") or _DEFAULTS[architecture]
    size, blocks = wish.get("size") or 96, wish.get("blocks") or 0
    if alpha not in ALPHAS[architecture] or size not in SIZES or blocks not in BLOCKS[architecture]:
        raise GalagoError(
            "studio.request",
            f"expected a width of {_list(ALPHAS[architecture])}, a size of {_list(SIZES)} and "
            f"{_list(BLOCKS[architecture])} blocks (0: all), got {alpha!r:.20}, {size!r:.20} and "
            f"{blocks!r:.20}: reload the page",
        )
    epochs = wish.get("epochs")
    if epochs is not None and not 1 <= epochs <= 1000:
        raise GalagoError("studio.request", f"expected 1 to 1000 epochs, got {epochs!r:.20}: choose another")
    network = {"architecture": architecture, "alpha": alpha, "size": int(size), "blocks": int(blocks)}
    return {**network, "epochs": epochs}


def _list(values: Sequence[float]) -> str:
    return ", ".join(map(str, values))


def _start(studio: "Studio", wish: dict[str, Any]) -> Path | None:
    """Returns the model to fine-tune, if one is asked for. Raises studio.missing, model.missing."""
    if not wish.get("from") or wish["kind"] == "quick":
        return None
    path = studio.models.path(wish["from"])
    if not (path / FLOAT).is_file():
        raise GalagoError(
            "model.missing",
            "this model has no float network to fine-tune: choose one that was fully trained here",
        )
    return path


def _copied(start: Path, folder: Path) -> Path:
    """Returns links to the files of the model to fine-tune, which may be deleted meanwhile."""
    folder.mkdir(parents=True)
    for name in (FLOAT, "model.json", "model.tflite"):
        _link(start / name, folder / name)
    return folder


def on_board(studio: "Studio", wish: dict[str, Any]) -> Order:
    """Returns the order for a board: flash, monitor, collect, doctor, rollback.

    Raises port.missing, board.*, studio.missing, studio.request.
    """
    kind, port, model = str(wish["kind"]), wish.get("port") or "", wish.get("model")
    order: dict[str, Any] = {"port": port}
    if kind == "flash":
        if not model:
            raise GalagoError("studio.request", "expected the id of a model: choose one")
        order |= {"model": model, "model_path": str(studio.models.path(model))}
    if kind == "collect":
        order["class"] = wish.get("class") or ""
        studio.project.folder(order["class"])
    frozen = studio.project.work / "frozen" / "held out"
    seen = copy_held_out(studio, frozen)
    order["photos"] = str(frozen) if seen else None
    order["device"] = studio.ports.device(port, wish.get("board"), frozen if seen else None)
    titles = {"flash": "Flashing", "monitor": "Watching", "collect": "Taking photos", "doctor": "Examining"}
    return kind, titles.get(kind, "Going back"), order


def evaluation(studio: "Studio", wish: dict[str, Any]) -> Order:
    """Returns the order to measure a model again, with `port` on a board too.

    Raises studio.missing, port.missing, board.*, dataset.classes, dataset.empty.
    """
    model = wish.get("model") or ""
    path = studio.models.path(model)
    frozen = studio.project.work / "frozen" / new_id("f")
    if not freeze(studio, frozen):
        raise GalagoError("dataset.empty", "no photos are held out yet: add 10 photos of each class")
    order = {
        "model": model,
        "model_path": str(path),
        "photos": str(frozen / "held out"),
        "frozen": str(frozen),
    }
    if port := wish.get("port"):
        order |= {"port": port, "device": studio.ports.device(port, wish.get("board"))}
    return "evaluate", "Measuring", order


def firmware(studio: "Studio", wish: dict[str, Any]) -> Order:
    """Returns the order to install the image in the file `wish["image"]`; without `port`, on a drive.

    Raises board.unknown, port.missing, studio.request for the emulated board, firmware.*.
    """
    port, board, image = wish.get("port") or "", known_board(wish.get("board") or ""), Path(wish["image"])
    if port == EMULATED:
        raise GalagoError("studio.request", "the emulated board has MicroPython: choose another board")
    device = studio.ports.device(port) if port else None
    tool = micropython_image.choose_tool(board, image)
    if not device and tool.name in micropython_image.NEEDS_PORT:
        raise GalagoError("firmware.tool", f"{tool.name} needs the board's port: plug it in, and choose it")
    kept = studio.project.work / "firmware" / image.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    image.replace(kept)
    order = {"board": board.id, "image": str(kept), "device": device, "port": port or None}
    return "firmware", f"Installing MicroPython on {board.name}", order


def copy_held_out(studio: "Studio", folder: Path) -> int:
    """Puts links to the held-out photos, or else to all, into one folder by id; returns how many.

    Those that are there stay: another job may be reading them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with studio.project.lock:
        readable = [photo for photo in studio.project.photos.values() if not photo.error]
        chosen = [photo for photo in readable if photo.held_out] or readable
        sources = {photo.id: studio.project.path(photo.id) for photo in chosen}
        wanted = {f"{key}{source.suffix}": source for key, source in sources.items()}
        present = {path.name for path in folder.iterdir()}
        for name in present - set(wanted):
            (folder / name).unlink()
        for name in set(wanted) - present:
            _link(wanted[name], folder / name)
    return len(chosen)


def freeze(studio: "Studio", folder: Path) -> int:
    """Puts the photos into a folder as they are now: those to train on, and those that are held out.

    They are links to the same files under the photos' ids, so that they take no room and that answers can be
    traced to photos; a training that is resumed finds what it began with. Returns how many are held out.
    Raises dataset.classes unless two classes have a photo to train on.
    """
    studio.examiner.look()
    with studio.project.lock:
        chosen = [photo for photo in studio.project.photos.values() if photo.fingerprint]
        ready = {photo.group for photo in chosen if not photo.held_out}
        if len(ready) < 2:
            raise GalagoError(
                "dataset.classes",
                f"{len(ready)} class{'' if len(ready) == 1 else 'es'} with photos, training needs two: "
                "add photos of something else, too",
            )
        for photo in chosen:
            if photo.group not in ready:
                continue
            part = "held out" if photo.held_out else "photos"
            source = studio.project.path(photo.id)
            target = folder / part / studio.project.classes[photo.group] / f"{photo.id}{source.suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(source, target)
        return sum(bool(photo.held_out) for photo in chosen if photo.group in ready)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)


def _plain(text: str) -> str:
    """Returns a name that any board's file system takes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:24].strip("-") or "model"


def _number(name: str) -> int:
    found = re.search(r"-(\d{1,6})$", name)
    return int(found[1]) if found else 0


FOR = {"train": training, "quick": training, "evaluate": evaluation} | dict.fromkeys(
    ("flash", "monitor", "collect", "doctor", "rollback"), on_board
)
"""What makes the order of each kind of job."""
