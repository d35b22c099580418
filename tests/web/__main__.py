# SPDX-License-Identifier: MIT
"""Compare every tensor of pages with TensorFlow Lite Micro's, and write the counts into docs/web.md.

    python tests/web docs/web.md --data ../shared/data          # 200 inputs for each model

Half of the inputs are photos, and half are noise. `make web` runs it. MobileNetV2 0.35 at 96 pixels has
random weights, as the test data has none for its classifier; docgen.kmodels keeps both V2 in build/k210.
"""

import argparse
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "native")]  # run as a program, not by pytest

from exactness import WAYS, Compared, compare, noise  # noqa: E402
from networks import network  # noqa: E402
from test_engine32 import inverted_residuals  # noqa: E402

from docgen.kmodels import networks as keras_networks  # noqa: E402
from docgen.table import table  # noqa: E402
from galago import dataset, models, pictures  # noqa: E402
from galago.tflite.tflm import Tflm  # noqa: E402

_BUILT = {"MobileNetV2 0.35 at 96": "v2_035_96", "MobileNetV2 1.0 at 224": "v2_100_224"}
_EACH = 5  # inputs of each random network


def main() -> int:
    """Compares; returns 1 if a tensor differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("page", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the folder of test data")
    parser.add_argument("--inputs", type=int, default=200)
    arguments = parser.parse_args()
    rows: list[list[str]] = []
    total = Compared()
    for name, found in _compared(arguments.data, arguments.inputs):
        print(name, found, flush=True)
        total += found
        differ = [str(found.differ[way]) for way in WAYS]
        rows.append([name, str(found.inputs), f"{found.tensors:,}", f"{found.bytes:,}", *differ])
    headings = ("model", "inputs", "tensors", "bytes", "differ with SIMD", "differ without")
    text = arguments.page.read_text()
    new = f"<!-- exact -->\n{table(headings, rows, right=range(1, 6))}<!-- end of exact -->"
    pattern = r"<!-- exact -->.*<!-- end of exact -->"
    arguments.page.write_text(re.sub(pattern, lambda _: new, text, flags=re.DOTALL))
    return int(any(total.differ.values()))


def _compared(data: Path, count: int) -> Iterator[tuple[str, Compared]]:
    for name in models.shipped_names():
        tflite = models.find(name).tflite.read_bytes()
        yield f"`{name}`", compare(tflite, _inputs(name, tflite, data, count))
    for name, built in _BUILT.items():
        tflite = keras_networks.path(built, Path("build/k210"), data).read_bytes()
        yield name, compare(tflite, _inputs(name, tflite, data, count))
    total = Compared()
    for seed in range(count // _EACH):
        rng = np.random.default_rng(seed)
        tflite = inverted_residuals(rng) if seed % 3 == 2 else network(rng, doubles=seed % 3 == 1)
        total += compare(tflite, noise(rng, Tflm(tflite).input_shape[1:], _EACH))
    yield f"{count // _EACH} random networks", total


def _inputs(name: str, tflite: bytes, data: Path, count: int) -> Iterable[np.ndarray]:
    """Photos, then noise."""
    _, height, width, channels = Tflm(tflite).input_shape
    paths = dataset.picture_files(data / "images" / "imagenet_val650")
    photos = (pictures.as_board(path, height, width, channels) for path in islice(paths, count // 2))
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return chain(photos, noise(rng, (height, width, channels), count - count // 2))


if __name__ == "__main__":
    sys.exit(main())
