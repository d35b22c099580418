# SPDX-License-Identifier: MIT
"""Writes the tables of docs/models-in-the-wild.md: which kinds of models run where. `make wild`.

python -m docgen.wild docs/models-in-the-wild.md --data ../shared/data

Each kind is imported, and the model directory goes through the measurements of docgen.compatibility. The
figures are kept in wild.json; --show writes the page from them. The table of larger networks is that of
`python tests/wild`, which keeps its figures in wild_networks.json.
"""

import argparse
import json
import re
import tempfile
from pathlib import Path

from docgen import compatibility, wild_models
from docgen.table import table
from galago import importer
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.native import kernels
from galago.tflite import records
from galago.tflite.records import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED

FIGURES = Path(__file__).with_suffix(".json")
NETWORK_FIGURES = Path(__file__).with_name("wild_networks.json")
NETWORKS = {
    "mobilenet_v3_large": "MobileNetV3 Large 0.35",
    "squeezenet": "SqueezeNet",
    "efficientnet_lite0": "EfficientNet-Lite0",
    "mcunet": "MCUNet",
    "resnet8": "ResNet-8",
    "plain_cnn": "plain CNN, one score",
    "unfused": "unfused layers, groups",
    "v2_035_96": "MobileNetV2 0.35 at 96",
    "v1_050_160": "MobileNetV1 0.5 at 160",
    "v1_100_224": "MobileNetV1 1.0 at 224",
    "v2_100_224": "MobileNetV2 1.0 at 224",
}
"""Networks of tests/support/architectures.py and mobilenets.py, by their titles."""
_RUNTIMES = {"builtin": "classify", "openmv": "OpenMV", "emlearn": "emlearn"}
_COLUMNS = ("classify", "machine code", "K210", "OpenMV", "emlearn")
_CORE = "armv7emsp"


def main() -> None:
    """Measures, and replaces the table of the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("page", type=Path)
    parser.add_argument("--data", type=Path, help="the folder of test data, for Google's uint8 files")
    parser.add_argument("--show", action="store_true", help="write the page from the figures that are kept")
    arguments = parser.parse_args()
    if not arguments.show:
        FIGURES.write_text(json.dumps(_measured(arguments.data or Path()), indent=1) + "\n", encoding="utf-8")
    text = arguments.page.read_text(encoding="utf-8")
    arguments.page.write_text(
        with_table(text, json.loads(FIGURES.read_text(encoding="utf-8"))), encoding="utf-8"
    )


def with_table(text: str, figures: list[dict[str, str]]) -> str:
    """The page with the table of these figures."""
    columns = ("kind", "who has it", *_COLUMNS)
    return _replaced(text, "table", table(columns, [[row[column] for column in columns] for row in figures]))


def with_networks(text: str, figures: dict[str, dict[str, int]]) -> str:
    """The page with the table of larger networks."""
    columns = ("macs", "inputs", "tensors", "bytes")
    rows = [
        (title, *(f"{figures[name][column]:,}" for column in columns))
        for name, title in NETWORKS.items()
        if name in figures
    ]
    return _replaced(text, "networks", table(("network", "MACs", *columns[1:]), rows, right=range(1, 5)))


def _replaced(text: str, marker: str, new: str) -> str:
    pattern = rf"(<!-- {marker} -->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda found: found[1] + new + found[2], text, flags=re.DOTALL)


def _measured(data: Path) -> list[dict[str, str]]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        calibrate = wild_models.photos(Path(folder, "photos"))
        for number, kind in enumerate(wild_models.kinds(data)):
            print(kind.name, flush=True)
            place = Path(folder, str(number))
            place.mkdir()
            options = importer.Options(name="wild", calibrate=calibrate, **kind.options)
            model = importer.import_model(kind.make(place), place / "model", options).model
            rows.append({"kind": kind.name, "who has it": kind.origin} | _row(model))
    return rows


def _row(model: ModelDirectory) -> dict[str, str]:
    inputs = [picture for picture, _ in model.golden()]
    row = {"machine code": _machine_code(model.tflite.read_bytes())}
    for name, column in _RUNTIMES.items():
        try:
            with compatibility.bench_board(model, name) as device:
                row[column] = str(compatibility.column(device, model, name, inputs))
        except GalagoError as error:
            row[column] = _refused(error, model)
    try:
        row["K210"] = str(compatibility.kpu(model, inputs))
    except GalagoError as error:
        row["K210"] = _refused(error, model)
    return row


def _refused(error: GalagoError, model: ModelDirectory) -> str:
    if not error.code.startswith(("backend", "model", "memory")):
        raise error
    return f"refused: {compatibility.short(error.message, model)}"


def _machine_code(tflite: bytes) -> str:
    """How many of the layers with weights a Cortex-M4 computes in machine code."""
    found = records.read(tflite)
    weighted = {
        layer
        for layer, record in enumerate(found)
        if record.operator in (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED)
    }
    native = {layer for kernel in kernels.generate(found, _CORE) for layer in kernel.scratch}
    return f"{len(weighted & native)} of {len(weighted)} layers"


if __name__ == "__main__":
    main()
