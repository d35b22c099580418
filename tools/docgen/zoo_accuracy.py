# SPDX-License-Identifier: MIT
"""models/zoo.json: how often zoo models are right, in float and in int8, for the table of docs/models.md.

    python -m docgen.zoo_accuracy models/zoo.json --data DATA

Measures every model whose weights are in Keras's cache on DATA/images/imagenet_val650, calibrated on
photos (DATA/images/imagenet_samples, none of which is among those) and on the standard photos, as
`galago zoo` does by default. Each row is written as soon as it is known. A model whose weights are absent is
left out, and keeps the rows that the file has of it.
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

_PROOF = 10  # pictures that TensorFlow Lite Micro answers too
_NOTE = (
    "Top-1 on the 650 pictures of `imagenet_val650`, which are easier than ImageNet's whole validation set; "
    "measured by `make zoo`. `photos` are 400 of `imagenet_samples`, `standard` is what `galago zoo` does "
    "without `--calibrate`. int8 is TensorFlow Lite's where it gives the bytes of "
    "TensorFlow Lite Micro on ten pictures, else the latter's. About one answer in twenty changes with "
    "quantization, for better or worse where int8 is near to float: half a point either way is chance."
)


def main(out: Path, data: Path, names: list[str]) -> None:
    """Measures the models and writes the file; raises dataset.* where there are no pictures."""
    rows: list[dict[str, Any]] = json.loads(out.read_text())["rows"] if out.is_file() else []
    for name in names:
        if not zoo.here(name):
            print(f"{name}: no weights here, left out")
            continue
        rows = [row for row in rows if row["name"] != name]
        wanted = None
        for calibration, photos in (("photos", data / "images" / "imagenet_samples"), ("standard", None)):
            row, wanted = measured(name, calibration, photos, data / "images" / "imagenet_val650", wanted)
            print(json.dumps(row), flush=True)
            rows.append(row)
            lines = ",\n  ".join(json.dumps(row) for row in rows)
            out.write_text(f'{{"note": {json.dumps(_NOTE)},\n "rows": [\n  {lines}]}}\n')


def measured(
    name: str, calibration: str, photos: Path | None, pictures: Path, wanted: int | None
) -> tuple[dict[str, Any], int]:
    """A row of the table; and how often float is right, which is measured where `wanted` is None."""
    with tempfile.TemporaryDirectory() as folder:
        model = zoo.build(name, lambda _: None, photos, Path(folder) / name)
        labelled = evaluate.labelled(model, pictures)
        inputs, positions = evaluate.read_inputs(model, labelled.paths)
        labels = labelled.labels[positions]
        tflite = model.tflite.read_bytes()
    if wanted is None:
        floats = zoo.logits(*zoo.parts(name)).predict(
            inputs.astype(np.float32) / 128, batch_size=16, verbose=0
        )
        wanted = int((floats.argmax(axis=1) == labels).sum())
    answers, by = int8_answers(tflite, inputs)
    right = int((answers.argmax(axis=1) == labels).sum())
    row = {"name": name, "calibration": calibration, "float": wanted, "int8": right, "photos": len(labels)}
    return row | {"by": by}, wanted


def int8_answers(tflite: bytes, inputs: np.ndarray) -> tuple[np.ndarray, str]:
    """What an int8 model answers, int8 [n, classes], and which interpreter said so.

    TensorFlow Lite is many times faster than TensorFlow Lite Micro. It answers where it gives the same bytes
    on some pictures; where it does not, TensorFlow Lite Micro answers all.
    """
    lite = lazy_tensorflow.tensorflow().lite
    with warnings.catch_warnings(action="ignore"), lazy_tensorflow.silence():
        interpreter = lite.Interpreter(
            model_content=tflite,
            experimental_op_resolver_type=lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()

    def said(picture: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], picture[None])
        interpreter.invoke()
        return interpreter.get_tensor(answer["index"])[0].copy()

    proof = evaluate.tflm_answers(tflite, inputs[:_PROOF])
    if all((said(picture) == wanted).all() for picture, wanted in zip(inputs, proof, strict=False)):
        return np.array([said(picture) for picture in inputs]), "TensorFlow Lite"
    return evaluate.tflm_answers(tflite, inputs), "TensorFlow Lite Micro"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measures the pretrained models.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=zoo.names(), metavar="NAME", help="some models")
    arguments = parser.parse_args()
    try:
        main(arguments.out, arguments.data, arguments.only)
    except GalagoError as error:
        raise SystemExit(error.message) from None
