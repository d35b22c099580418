# SPDX-License-Identifier: MIT
"""Keras files and SavedModels as float .tflite; nothing that they bring along is executed.

    data = keras_model.float_tflite(found)       # found: a Source of form "keras" or "savedmodel"
    keras_model.range_of(found.file)             # "0..255" where the network itself scales pixels, or None

Files of Keras 3 are opened by Keras, those of Keras 2, which Keras 3 often cannot read, by tf-keras. Needs
the extra `import`.
"""

import importlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.errors import GalagoError
from galago.importer.source import Source
from galago.resources import install_command

_FORBIDDEN = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles"}
_LARGEST_FACTOR = 0.1  # of a Rescaling that takes 0 to 255; those that take 0 to 1 have 1 or more
_FAILURES = (ValueError, TypeError, OSError, KeyError, AttributeError, ImportError, RuntimeError)


def float_tflite(found: Source) -> bytes:
    """The model as a float .tflite that takes one picture.

    Raises GalagoError model.malformed, model.operator for custom code, and config.missing without the extra.
    """
    tf = lazy_tensorflow.tensorflow()
    try:
        with lazy_tensorflow.silence():
            if found.form == "savedmodel":
                _check_saved_model(found.file)
                return tf.lite.TFLiteConverter.from_saved_model(str(found.file)).convert()
            return converted(tf, *_load(found.file))
    except (*_FAILURES, tf.errors.OpError) as error:
        raise _malformed(found, error) from error


def range_of(path: Path) -> str | None:
    """The range of pixels that a Keras network's own Rescaling or Normalization takes; None without one.

    The converter may fold such a layer into the first convolution, where it cannot be seen any more.
    """
    config, _ = _config(path)
    for layer in _layers(config):
        options = layer.get("config", {})
        if layer["class_name"] == "Rescaling":
            factor = np.abs(np.ravel(options.get("scale", 1))).max()
            return "0..255" if factor <= _LARGEST_FACTOR else "0..1"
        if layer["class_name"] == "Normalization" and options.get("mean") is not None:
            return "0..255" if np.abs(np.ravel(options["mean"])).max() > 2 else "0..1"
    return None


def _malformed(found: Source, error: Exception) -> GalagoError:
    reason = " ".join(str(error).split())[:160]
    return GalagoError(
        "model.malformed",
        f"{found.file.name} cannot be converted ({reason}): export the model as .tflite where it was trained",
    )


def _load(path: Path) -> tuple[Any, Any]:
    """Keras as the file needs it, and the network."""
    config, version = _config(path)
    for layer in _layers(config):
        if layer.get("class_name") == "Lambda":
            name = layer.get("config", {}).get("name", "Lambda")
            raise GalagoError(
                "model.operator",
                f"layer {name} is a Lambda, Python code inside the file, which is not executed: replace it "
                "with a layer of Keras (Rescaling for x / 255), and save the model again",
            )
    keras = lazy_tensorflow.keras()
    if not version.startswith("3"):
        try:
            keras = importlib.import_module("tf_keras")
        except ImportError:
            raise GalagoError(
                "config.missing", f"{path} is a file of Keras {version}: {install_command('import')}"
            ) from None
    return keras, keras.models.load_model(path, compile=False)


def _config(path: Path) -> tuple[dict[str, Any], str]:
    """The description of a network, and the version of Keras that wrote it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            metadata = json.loads(file.read("metadata.json"))
            return json.loads(file.read("config.json")), str(metadata.get("keras_version", "3"))
    h5py = importlib.import_module("h5py")
    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
        if config is None:
            raise GalagoError(
                "model.malformed",
                f"{path} has weights without a network: save the whole model with model.save()",
            )
        version = file.attrs.get("keras_version", "2")
    return json.loads(config), version if isinstance(version, str) else bytes(version).decode()


def _layers(config: Any) -> list[dict[str, Any]]:
    """All objects of a description that have a class."""
    found, rest = [], [config]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            if "class_name" in one:
                found.append(one)
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)
    return found


def converted(tf: Any, keras: Any, network: Any) -> bytes:
    """A network of Keras or tf-keras as a float .tflite with a batch of 1.

    Raises GalagoError model.operator.
    """
    shape = tuple(network.inputs[0].shape)
    if len(network.inputs) != 1 or len(shape) != 4 or None in shape[1:]:
        raise GalagoError(
            "model.operator",
            f"expected one input of shape (batch, height, width, 1 or 3) with fixed sizes, got {shape}: "
            "rebuild the model with such an input",
        )

    picture = keras.Input(batch_shape=(1, *shape[1:]), name="picture")
    single = keras.Model(picture, network(picture, training=False), name="classifier")
    return tf.lite.TFLiteConverter.from_keras_model(single).convert()


def _check_saved_model(folder: Path) -> None:
    """Raises GalagoError model.operator for operators that TensorFlow lacks or that touch files."""
    saved_model = importlib.import_module("tensorflow.core.protobuf.saved_model_pb2").SavedModel()
    registry = importlib.import_module("tensorflow.python.framework.op_def_registry")
    try:
        saved_model.ParseFromString((folder / "saved_model.pb").read_bytes())
    except Exception as error:  # protobuf has its own exceptions, which depend on its implementation
        raise ValueError(f"saved_model.pb: {error}") from None
    for graph in saved_model.meta_graphs:
        library = graph.graph_def.library
        functions = {function.signature.name for function in library.function}
        nodes = [*graph.graph_def.node, *(node for one in library.function for node in one.node_def)]
        for kind in {node.op for node in nodes} - functions:
            if kind in _FORBIDDEN or registry.get(kind) is None:
                raise GalagoError(
                    "model.operator",
                    f"{folder.name} uses the operator {kind}, which is not executed here: export the model "
                    "as a .tflite",
                )
