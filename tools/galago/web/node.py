# SPDX-License-Identifier: MIT
"""A model in Node.js, where the modules of an exported page run as in a browser.

with Node(export.script(model)) as node:
    for line in classify(node, model, paths, top=3):
        ...                                         # the lines of a board: galago.classify
    node.layers(tensor)                             # what each layer computes, as SHA-256
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from galago import pictures
from galago.classify.record import image_name
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.web import js_folder

_PROGRAM = "node"
_OLDEST = 18
_TIMEOUT = 600.0  # seconds for one answer
_ENDED = f"it needs Node.js {_OLDEST} or newer, and memory for the model"


class Node:
    """A process that answers until the end of the block."""

    def __init__(self, module: str, simd: bool = True) -> None:
        """Start it with an exported module. Raises GalagoError config.missing where there is no Node.js."""
        program = shutil.which(_PROGRAM)
        if not program:
            raise GalagoError(
                "config.missing",
                f"expected Node.js to run a page's code, got no program {_PROGRAM}: install it (Debian: apt "
                "install nodejs), or open the page of galago export in a browser",
            )
        self._folder = tempfile.TemporaryDirectory(prefix="galago-")
        folder = Path(self._folder.name)
        (folder / "exported.mjs").write_text(module, encoding="utf-8")
        shutil.copyfile(js_folder() / "node.mjs", folder / "node.mjs")
        self._log = (folder / "log").open("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [program, folder / "node.mjs", *([] if simd else ["plain"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        try:
            self.version = self._answer()["version"]
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()
        self._folder.cleanup()

    def classify(self, picture: Path, top: int) -> dict[str, Any]:
        """The ranked classes of a file that boards read, as on a serial line, or its error."""
        return self._ask({"picture": str(picture), "top": top})

    def layers(self, tensor: np.ndarray) -> list[tuple[int, str]]:
        """For an input, int8 [h, w, c]: of each layer the number and SHA-256 of the tensor that it writes."""
        answer = self._ask({"input": base64.b64encode(tensor.tobytes()).decode()})
        return [(layer["tensor"], layer["sha256"]) for layer in answer["layers"]]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # the process has ended: _answer tells why
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        timer = threading.Timer(_TIMEOUT, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line.endswith("\n"):
            self._log.seek(0)
            found = re.search(r"^\w*Error: .*", self._log.read(), re.MULTILINE)
            why = f" ({found[0]})" if found else ""
            raise GalagoError("config.invalid", f"Node.js ended without an answer{why}: {_ENDED}")
        return json.loads(line)


def classify(
    node: Node, model: ModelDirectory, paths: Iterable[Path], top: int = 1, first: int = 0
) -> Iterator[dict[str, Any]]:
    """Yields the serial line of each picture, in order, as a board does; `seq` counts from `first`.

    Pictures that boards cannot read are converted as for a board.
    """
    height, width, _ = model.input_shape
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        for seq, path in enumerate(paths, first):
            start = {"seq": seq, "image": image_name(path)}
            try:
                how = model.contract["input"]["resize"]
                sent = pictures.prepare_upload(path, Path(name), height, width, how)
            except GalagoError as error:
                yield {**start, "error": {"code": error.code, "message": error.message}}
                continue
            yield {**start, **_as_printed(node.classify(sent, top))}
            sent.unlink()


def _as_printed(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer as mobilenet.report writes it: four digits, and `unknown` only where it is true."""
    if "error" in answer:
        return answer
    ranked = [{**each, "confidence": float(f"{each['confidence']:.4f}")} for each in answer["top"]]
    unknown = {"unknown": True} if answer["unknown"] else {}
    return {"top": ranked, **unknown, "us": answer["us"]}
