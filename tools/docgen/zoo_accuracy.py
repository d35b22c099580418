# SPDX-License-Identifier: MIT
"""Writes models/zoo.json: the accuracy of zoo models in float and in int8, for docs/models.md.

    python -m docgen.zoo_accuracy models/zoo.json --data DATA

Every model whose weights are in Keras's cache is measured on DATA/images/imagenet_val650. It is calibrated
once on other photos (DATA/images/imagenet_samples), and once on the standard photos, as by default. Each row
is written as soon as it is measured. A model without weights is skipped, and the file keeps its rows.
"""

import argparse
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from galago import evaluate, lazy_tensorflow, zoo
from galago.errors import GalagoError
from galago.zoo import building

_CHECKED = 10  # pictures on which TensorFlow Lite is compared with TensorFlow Lite Micro
_NOTE = (
    "Top-1 on the 650 pictures of `imagenet_val650`, which are easier than ImageNet's whole validation set, "
    "measured by `make zoo`. `photos` are 400 of `imagenet_samples`; `standard` are the photos that "
    "`galago zoo` uses without `--calibrate`. int8 is computed by TensorFlow Lite if its outputs on ten "
    "pictures equal those of TensorFlow Lite Micro byte for byte, and by the latter otherwise. Quantization "
    "changes about one answer in twenty, for better or for worse: half a point either way is within chance."
)


def main(out: Path, data: Path, names: list[str]) -> None:
    """Measures the models and writes the file. Raises dataset.* if there are no pictures."""
    rows: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))["rows"] if out.is_file() else []
    for name in names:
        if not zoo.has_weights(name):
            print(f"{name}: skipped, its weights are not in Keras's cache")
            continue
        rows = [row for row in rows if row["name"] != name]
        float_right = None
        for calibration, photos in (("photos", data / "images" / "imagenet_samples"), ("standard", None)):
            pictures = data / "images" / "imagenet_val650"
            row, float_right = measure(name, calibration, photos, pictures, float_right)
            print(json.dumps(row), flush=True)
            rows.append(row)
            lines = ",\n  ".join(json.dumps(row) for row in rows)
            out.write_text(f'{{"note": {json.dumps(_NOTE)},\n "rows": [\n  {lines}]}}\n', encoding="utf-8")


def measure(
    name: str, calibration: str, photos: Path | None, pictures: Path, float_right: int | None
) -> tuple[dict[str, Any], int]:
    """Returns a row of the file, and how often float is right, which is measured if `float_right` is None."""
    with tempfile.TemporaryDirectory() as folder:
        model = building.build(name, lambda _: None, photos, Path(folder) / name)
        labelled = evaluate.labelled(model, pictures)
        inputs, positions = evaluate.read_inputs(model, labelled.paths)
        labels = labelled.labels[positions]
        tflite = model.tflite.read_bytes()
    if float_right is None:
        floats = building.logits(*zoo.parts(name)).predict(
            inputs.astype(np.float32) / 128, batch_size=16, verbose=0
        )
        float_right = int((floats.argmax(axis=1) == labels).sum())
    answers, by = int8_answers(tflite, inputs)
    right = int((answers.argmax(axis=1) == labels).sum())
    row = {
        "name": name,
        "calibration": calibration,
        "float": float_right,
        "int8": right,
        "photos": len(labels),
    }
    return row | {"by": by}, float_right


def int8_answers(tflite: bytes, inputs: np.ndarray) -> tuple[np.ndarray, str]:
    """Returns an int8 model's outputs, int8 [n, classes], and the interpreter that computed them.

    TensorFlow Lite is many times faster than TensorFlow Lite Micro. It is used if its outputs on some
    pictures are the same, byte for byte.
    """
    lite = lazy_tensorflow.tensorflow().lite
    with warnings.catch_warnings(action="ignore"), lazy_tensorflow.silence():
        interpreter = lite.Interpreter(
            model_content=tflite,
            experimental_op_resolver_type=lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    (input_,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(picture: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(input_["index"], picture[None])
        interpreter.invoke()
        return interpreter.get_tensor(output["index"])[0].copy()

    reference = evaluate.tflm_answers(tflite, inputs[:_CHECKED])
    if all((run(picture) == expected).all() for picture, expected in zip(inputs, reference, strict=False)):
        return np.array([run(picture) for picture in inputs]), "TensorFlow Lite"
    return evaluate.tflm_answers(tflite, inputs), "TensorFlow Lite Micro"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measures the accuracy of zoo models.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=zoo.names(), metavar="NAME", help="only these models")
    arguments = parser.parse_args()
    try:
        main(arguments.out, arguments.data, arguments.only)
    except GalagoError as error:
        raise SystemExit(error.message) from None
