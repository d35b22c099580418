# SPDX-License-Identifier: MIT
"""Compare every tensor of larger networks with TensorFlow Lite Micro's, on many inputs; `make wild` runs it.

    python tests/wild docs/models-in-the-wild.md --data ../shared/data --inputs 200
    python tests/wild docs/models-in-the-wild.md --data ../shared/data --only squeezenet    # replaces a row

The engine's viper kernels compute in the real interpreter. It ends with a traceback at the first byte that
differs. On an idle computer it takes about an hour, nearly all of it for the networks of 224 x 224 pixels.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))  # run as a program, not by pytest

from docgen import wild  # noqa: E402
from galago.tflite import summary  # noqa: E402
from galago.tflite.tflm import Tflm  # noqa: E402
from support import architectures, mobilenets, tensors  # noqa: E402

_BUILD = Path("build/mobilenets")
_EACH = 10  # inputs at a time
_TIMEOUT = 7200.0  # seconds for these


def main() -> None:
    """Compares the networks one by one, and writes the page after every few inputs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("page", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the folder of test data")
    parser.add_argument("--inputs", type=int, default=200)
    parser.add_argument("--only", help="only the network of this name")
    arguments = parser.parse_args()
    for name in wild.NETWORKS:
        if arguments.only not in (None, name):
            continue
        model, photos = _network(name, arguments.data, arguments.inputs)
        done = 0
        for inputs in _inputs(Tflm(model).input_shape, photos, arguments.inputs):
            with tempfile.TemporaryDirectory(prefix="galago-") as folder:
                tensors.compare([(model, inputs)], Path(folder), timeout=_TIMEOUT)
            done += len(inputs)
            print(name, done, flush=True)
            _write(arguments.page, name, _row(model, done))


def _write(page: Path, name: str, row: dict[str, int]) -> None:
    """Replaces the row of a network, in the figures and on the page."""
    rows = json.loads(wild.NETWORK_FIGURES.read_text(encoding="utf-8")) | {name: row}
    wild.NETWORK_FIGURES.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    page.write_text(wild.with_networks(text, rows), encoding="utf-8")


def _network(name: str, data: Path, count: int) -> tuple[bytes, np.ndarray | None]:
    """The .tflite of a network, and photos for a quarter of the inputs if it was trained on some."""
    if name in architectures.NETWORKS:
        return architectures.model(name), None
    if not (home := _BUILD / "keras").exists():
        shutil.copytree(data / "keras", home, copy_function=shutil.copyfile)
    os.environ.setdefault("KERAS_HOME", str(home))  # read when Keras is first imported
    photos = mobilenets.photos(data, mobilenets.NETWORKS[name][2], -(-count // 4))
    return mobilenets.model(name, data, _BUILD), (photos ^ 128).view(np.int8)


def _inputs(shape: tuple[int, ...], photos: np.ndarray | None, count: int) -> Iterator[np.ndarray]:
    """Noise, of which every fourth input has only extremes, and another every fourth is a photo."""
    rng = np.random.default_rng(5)
    for start in range(0, count, _EACH):
        inputs = rng.integers(-128, 128, (min(_EACH, count - start), *shape)).astype(np.int8)
        for number, each in enumerate(inputs, start):
            if number % 4 == 0:
                each[:] = rng.choice(np.array([-128, 127], np.int8), shape)
            elif number % 4 == 1 and photos is not None:
                each[:] = photos[number // 4]
        yield inputs


def _row(model: bytes, count: int) -> dict[str, int]:
    """What was compared."""
    layers = summary.layers(model)
    size = sum(int(np.prod(layer.output)) for layer in layers)
    macs = sum(layer.macs for layer in layers)
    return {"macs": macs, "inputs": count, "tensors": count * len(layers), "bytes": count * size}


if __name__ == "__main__":
    main()
