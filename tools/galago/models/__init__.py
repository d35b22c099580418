# SPDX-License-Identifier: MIT
"""The model directory: the contract between the program that made a model and the one that runs it.

    model = models.find("everyday-v1-025-96")     # a shipped model's name, or a path
    model.contract["labels"], model.tflite        # verified: model.json, sizes and hashes, labels

A directory holds `model.tflite`, `model.json` and, for shipped models, CARD.md and recipe.toml. The board
checks the same contract again when it loads the model.
"""

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galago import resources, special_files
from galago.errors import GalagoError
from galago.models.contract import CONTRACT, LARGEST, VERSION, check, layout, read

if TYPE_CHECKING:
    import numpy as np

__all__ = ("CONTRACT", "LARGEST", "ModelDirectory", "find", "layout", "shipped_names", "write")


@dataclass(frozen=True)
class ModelDirectory:
    """A verified model directory."""

    path: Path
    contract: dict[str, Any]
    """The content of model.json (docs/architecture.md)."""

    @classmethod
    def open(cls, path: str | Path) -> "ModelDirectory":
        """Reads and verifies a directory. Raises model.missing, model.contract, model.labels, model.hash."""
        path = Path(path)
        contract = read(path)
        check(path / CONTRACT, contract)
        model = cls(path, contract)
        for kind, entry in contract["files"].items():
            _check_file(path / entry["name"], kind, entry)
        return model

    @property
    def name(self) -> str:
        """The model's own name, which is also the directory's name on the board."""
        return self.contract["name"]

    @property
    def tflite(self) -> Path:
        """The int8 model file."""
        return self.path / self.contract["files"]["tflite"]["name"]

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the outputs."""
        return self.contract["labels"]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        entry = self.contract["input"]
        return entry["height"], entry["width"], entry["channels"]

    def tensor(self, pixels: "np.ndarray") -> "np.ndarray":
        """The input for resized pixels, uint8 [..., channels], as a board computes it: int8, same shape."""
        from galago.models import transform

        return transform.apply(pixels, transform.table(self.contract["input"]))

    def probabilities(self, outputs: "np.ndarray") -> "np.ndarray":
        """The probabilities of the classes, float64 [n, classes], for int8 outputs [n, outputs]."""
        from galago.models import scores

        return scores.probabilities(self.contract, outputs)

    def golden(self) -> Iterator[tuple["np.ndarray", "np.ndarray"]]:
        """Yields inputs, int8 [height, width, channels], and TensorFlow Lite Micro's outputs, int8 [classes].

        Raises model.hash if a pattern differs from the one that the outputs were computed for.
        """
        import numpy as np  # here, so that commands that need no arrays start sooner

        from galago.models.golden import pattern

        for entry in self.contract["golden"]:
            picture = pattern(entry["pattern"], self.input_shape)
            if hashlib.sha256(picture.tobytes()).hexdigest() != entry["input_sha256"]:
                raise GalagoError(
                    "model.hash",
                    f"{self.path / CONTRACT}: golden pattern {entry['pattern']} does not have the "
                    "expected input_sha256: build the model again",
                )
            yield picture, np.array(entry["output_int8"], np.int8)


def find(name: str | Path) -> ModelDirectory:
    """Opens a model directory by path, or a shipped model by name.

    Raises model.missing, with similar names, if there is none, and GalagoError as ModelDirectory.open does.
    """
    path = Path(name)
    special_files.refuse(path)
    if path.is_dir():
        return ModelDirectory.open(path)
    shipped = shipped_names()
    if str(name) in shipped:
        return ModelDirectory.open(resources.models_dir() / name)
    near = difflib.get_close_matches(str(name), shipped, cutoff=0.4)
    hint = f"shipped models are {', '.join(shipped) or 'none'}; galago zoo lists pretrained ones"
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    raise GalagoError("model.missing", f"no model directory or shipped model {name}: {hint}")


def shipped_names() -> list[str]:
    """The names of the models that come with Galago."""
    return sorted(p.parent.name for p in resources.models_dir().glob(f"*/{CONTRACT}"))


def write(path: str | Path, tflite: bytes, contract: dict[str, Any]) -> ModelDirectory:
    """Writes a directory with a model and its contract, which lacks `galago` and `files`, and verifies it.

    Raises GalagoError as ModelDirectory.open does; a wrong contract is never written.
    """
    path = Path(path)
    digest = hashlib.sha256(tflite).hexdigest()
    files = {"tflite": {"name": "model.tflite", "bytes": len(tflite), "sha256": digest}}
    complete = {"galago": VERSION, "name": contract["name"], **contract, "files": files}
    check(path / CONTRACT, complete)
    path.mkdir(parents=True, exist_ok=True)
    (path / "model.tflite").write_bytes(tflite)
    (path / CONTRACT).write_text(layout(complete), encoding="utf-8")
    return ModelDirectory.open(path)


def _check_file(file: Path, kind: str, entry: dict[str, Any]) -> None:
    if not file.is_file():
        raise GalagoError(
            "model.missing", f"no file {file}, the {kind} of {CONTRACT}: copy the whole directory"
        )
    size = file.stat().st_size
    if size != entry["bytes"]:
        raise GalagoError(
            "model.hash", f"{file}: expected {entry['bytes']:,} bytes, got {size:,}: copy the model again"
        )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != entry["sha256"]:
        raise GalagoError(
            "model.hash",
            f"{file}: expected sha256 {entry['sha256'][:12]}…, got {digest[:12]}…: copy the model again",
        )
