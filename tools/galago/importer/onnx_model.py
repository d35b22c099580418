# SPDX-License-Identifier: MIT
"""ONNX files, as PyTorch exports them, as float .tflite: by onnx2keras, then TensorFlow's converter.

    data = onnx_model.float_tflite(Path("network.onnx"))

The converter is not trusted: the scores of the .tflite for noise are compared with those of ONNX's own
reference implementation, and a network that it gets wrong is refused. Needs the extra `import`.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.errors import GalagoError
from galago.importer import floats, keras_model
from galago.resources import install_command

_NEAR = 1e-3  # of the range of the scores: rounding of float32 gives about 1e-6
_FAILURES = (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError, NotImplementedError)
_ADVICE = (
    "convert it in a virtual environment of its own (pip install onnx2tf; onnx2tf -i FILE -o OUT), and "
    "import OUT/*_float32.tflite"
)


def float_tflite(path: Path) -> bytes:
    """The model as a float .tflite that takes one picture, height x width x channels.

    Raises GalagoError model.malformed, model.operator, and config.missing without the extra.
    """
    onnx, model = _opened(path)
    name, shape = _picture(path, model)
    tf = lazy_tensorflow.tensorflow()
    try:
        with lazy_tensorflow.silence():
            network = importlib.import_module("onnx2keras").onnx_to_keras(
                model, [name], verbose=False, change_ordering=True, name_policy="renumerate"
            )
            data = keras_model.converted(tf, lazy_tensorflow.keras(), network)
            noise = np.random.default_rng(1).standard_normal((1, *shape)).astype(np.float32)
            reference = importlib.import_module("onnx.reference").ReferenceEvaluator(model)
            expected = np.ravel(reference.run(None, {name: noise})[0])
    except (*_FAILURES, tf.errors.OpError, onnx.checker.ValidationError) as error:
        reason = " ".join(str(error).split())[:160]
        raise GalagoError(
            "model.operator", f"{path.name} cannot be converted by onnx2keras ({reason}): {_ADVICE}"
        ) from error
    _compare(path, floats.run(data, noise.transpose(0, 2, 3, 1))[0], expected)
    return data


def _opened(path: Path) -> tuple[Any, Any]:
    """The package onnx, and the checked model."""
    try:
        onnx = importlib.import_module("onnx")
        importlib.import_module("onnx.checker")
        with lazy_tensorflow.silence():
            importlib.import_module("onnx2keras")
    except ImportError as error:
        raise GalagoError(
            "config.missing", f"ONNX files need onnx2keras ({error}): {install_command('import')}"
        ) from None
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf has its own exceptions, which depend on its implementation
        reason = " ".join(str(error).split())[:160]
        raise GalagoError(
            "model.malformed", f"{path} is not a valid ONNX file ({reason}): export it again"
        ) from error
    foreign = sorted({node.domain for node in model.graph.node} - {"", "ai.onnx"})
    if foreign:
        raise GalagoError(
            "model.operator",
            f"{path.name} uses operators of {', '.join(foreign)[:80]}, which are not ONNX's own: export it "
            "with standard operators alone",
        )
    return onnx, model


def _picture(path: Path, model: Any) -> tuple[str, tuple[int, int, int]]:
    """The name of the input, and its channels, height and width. Raises GalagoError model.operator."""
    constants = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    sizes = [[int(n.dim_value) for n in each.type.tensor_type.shape.dim] for each in inputs]
    shape = sizes[0] if len(sizes) == 1 else []
    if len(shape) != 4 or shape[0] > 1 or shape[1] not in (1, 3) or min(shape[2:]) < 1:
        shown = " and ".join("x".join(str(n or "?") for n in size) for size in sizes) or "none"
        raise GalagoError(
            "model.operator",
            f"{path.name}: expected one input of 1 x 1 or 3 channels x height x width, got {shown}: export "
            "the model with such an input of a fixed size",
        )
    return inputs[0].name, (shape[1], shape[2], shape[3])


def _compare(path: Path, found: np.ndarray, expected: np.ndarray) -> None:
    if found.shape == expected.shape:
        difference = float(np.abs(found - expected).max())
        if difference <= _NEAR * max(float(np.ptp(expected)), _NEAR):
            return
        what = f"its scores differ by {difference:.3g}"
    else:
        what = f"it gives {found.size} scores, not {expected.size}"
    raise GalagoError(
        "model.operator",
        f"{path.name} is converted wrongly by onnx2keras ({what} from ONNX's reference): {_ADVICE}",
    )
