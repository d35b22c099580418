# SPDX-License-Identifier: MIT
"""From a file of any kind to a model directory: recognise, check, calibrate, rewrite, measure, write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, labels, models, pictures
from galago.errors import GalagoError
from galago.importer import floats, keras_model, onnx_model, range_search, ranges, source
from galago.importer.reading import Draft, Network, drafted, integer
from galago.importer.source import Source
from galago.models import ModelDirectory, transform
from galago.quantize.calibration import evenly_spread
from galago.quantize.measurement import measure

_CALIBRATION_PHOTOS = 200


@dataclass(frozen=True)
class Options:
    """What the user says about a model, where its file does not."""

    name: str | None = None
    labels: Path | None = None
    encoding: str | None = None
    """Of the labels; None for Unicode."""
    calibrate: Path | None = None
    """A folder of photos, for float models."""
    input_range: str | None = None
    output: str | None = None
    resize: pictures.Resize = "crop"


@dataclass
class Imported:
    """A new model directory, and how its model was read."""

    model: ModelDirectory
    facts: dict[str, str] = field(default_factory=dict)
    """Lines for the user, title → text."""


def import_model(
    path: Path, out: Path, options: Options | None = None, warn: Callable[[str], None] = print
) -> Imported:
    """Writes a model directory for a model of any kind.

    `warn` gets a line for each unreadable photo. Raises GalagoError model.*, dataset.*, config.*.
    """
    options = options or Options()
    with source.opened(path, options.encoding) as found:
        facts = {"file": found.kind}
        data = _tflite(found)
        draft = drafted(data, options.output, options.encoding)
        names, facts["labels"] = _labels(found, draft, options)  # before the conversion, which takes longer
        lines: list[ranges.Line] | None = None
        range_name = options.input_range
        if draft.core in ("float32", "dynamic"):
            draft, lines, range_name = _calibrated(found, draft, options, names, warn)
            facts["calibrated"] = f"on photos of {options.calibrate}, to int8 by ai-edge-quantizer"
        network = integer(draft)
    lines, range_name = _range(network, draft, lines, range_name, found.input_range)
    contract = _contract(options.name or found.name, options, draft, network, names, lines)
    if len(network.data) > models.LARGEST:
        raise GalagoError(
            "model.malformed",
            f"{path}: {len(network.data):,} bytes, and no board holds over {models.LARGEST:,}",
        )
    measured = measure(network.data, draft.shape)
    model = models.write(out, network.data, contract | measured)
    ends = ("float32", "float32") if "calibrated" in facts else (network.head.form, network.tail.form)
    return Imported(model, facts | _facts(draft, network, range_name, model, ends))


def integer_tflite(path: Path) -> bytes:
    """The int8 .tflite that a model of integers becomes, for compilers: the engine need not support it.

    Raises GalagoError model.missing, model.malformed, model.operator, model.quantization, model.labels.
    """
    with source.opened(path) as found:
        draft = drafted(_tflite(found))
        if draft.core in ("float32", "dynamic"):
            raise _needs_photos(found, draft)
        return integer(draft).data


def _tflite(found: Source) -> bytes:
    if found.form == "tflite":
        return found.file.read_bytes()
    if found.form == "onnx":
        return onnx_model.float_tflite(found.file)
    return keras_model.float_tflite(found)


def _labels(found: Source, draft: Draft, options: Options) -> tuple[list[str], str]:
    """The class names, and where they are from. Raises GalagoError model.labels."""
    if options.labels is not None:
        names, origin = labels.read(options.labels, options.encoding), str(options.labels)
    elif draft.labels is not None:
        names, origin = draft.labels, "in the file"
    elif found.labels is not None:
        names, origin = found.labels, found.labels_from or "beside the model"
    else:
        return labels.numbered(draft.outputs), "none found, classes are numbered: --labels FILE names them"
    names, note = labels.matched(names, draft.outputs, origin)
    return names, f"{len(names)}, from {origin}" + (f"; {note}" if note else "")


def _calibrated(
    found: Source, draft: Draft, options: Options, names: list[str], warn: Callable[[str], None]
) -> tuple[Draft, list[ranges.Line], str]:
    """An int8 draft of a float one, with the lines from pixels to its numbers and their name."""
    if options.calibrate is None:
        raise _needs_photos(found, draft)
    height, width, channels = draft.shape
    floats.take_float_weights(draft.graph)
    name = options.input_range or found.input_range
    given = ranges.named(name, channels) if name else None
    lines = floats.take_preparation(draft.graph, given)
    own = "given, then the network's own first layers" if given else "from the network's own first layers"
    data = draft.graph.packed()
    photos = dataset.picture_files(options.calibrate)
    chosen = evenly_spread(photos, _CALIBRATION_PHOTOS)
    read = [
        (chosen[i], pictures.resize(rgb, height, width, channels, options.resize))
        for i, rgb in dataset.read(chosen, warn)
    ]
    if not read:
        raise GalagoError("dataset.empty", f"none of {len(chosen)} photos is readable: pass other photos")
    pixels = np.stack([each for _, each in read])
    if lines is not None:
        name = f"{name}, {own}" if name else own
    else:
        if name is None and found.form == "keras":
            name = keras_model.range_of(found.file)
        if name is None:
            name = range_search.by_labels(data, pixels, [path.parent.name for path, _ in read], names)
        lines = ranges.named(name, channels)
    quantized = floats.quantize(data, floats.prepared(pixels, lines), lines)
    return drafted(quantized), lines, name


def _needs_photos(found: Source, draft: Draft) -> GalagoError:
    what = " (only its weights are int8)" if draft.core == "dynamic" else ""
    return GalagoError(
        "model.quantization",
        f"{found.file.name} computes in float32{what}, and boards in int8: add --calibrate PHOTOS, a folder "
        "of typical photos (galago import FILE -o DIR --calibrate PHOTOS)",
    )


def _range(
    network: Network, draft: Draft, lines: list[ranges.Line] | None, name: str | None, usual: str | None
) -> tuple[list[ranges.Line], str]:
    """The line of each channel, and the name of the range.

    That is the one with which the model was calibrated, or else the given one, the one that the quantization
    shows, or the usual one of this kind of export. Raises GalagoError model.quantization.
    """
    if lines is not None and name:
        return lines, name
    how = "given"
    if name is None:
        name = ranges.of_quantization(network.head.scale, network.head.zero_point)
        how = f"from scale {network.head.scale:.6g} and zero point {network.head.zero_point}"
    if name is None and usual:
        name, how = usual, "as this kind of export has it"
    if name is None:
        head = network.head
        low, high = ((q - head.zero_point) * head.scale for q in (-128, 127))
        raise GalagoError(
            "model.quantization",
            f"the input takes numbers from {low:.4g} to {high:.4g}, which does not tell what the network was "
            f"trained on: add {ranges.ADVICE}",
        )
    return ranges.named(name, draft.shape[2]), f"{name}, {how}"


def _contract(
    name: str,
    options: Options,
    draft: Draft,
    network: Network,
    names: list[str],
    lines: list[ranges.Line],
) -> dict[str, Any]:
    """Returns model.json without the measured entries."""
    height, width, channels = draft.shape
    pairs = _pairs(network, lines)
    return {
        "name": name,
        "input": {
            "height": height,
            "width": width,
            "channels": channels,
            "color": "rgb" if channels == 3 else "grey",
            "resize": options.resize,
            "scale": network.input[0],
            "zero_point": network.input[1],
            **({"transform": pairs} if pairs else {}),
        },
        "output": {
            "scale": network.output[0],
            "zero_point": network.output[1],
            "activation": network.tail.activation,
        },
        "labels": names,
        "unknown_below": 0.0,
    }


def _pairs(network: Network, lines: list[ranges.Line]) -> list[list[int]] | None:
    """The pairs of `input.transform`, through the requantization at the start of the file if there is one."""
    head = network.head
    pairs = ranges.transform(lines, head.scale, head.zero_point)
    if head.requantized is None:
        return pairs
    values = [transform.values(*pair) for pair in pairs] if pairs else [np.arange(256) - 128]
    wanted = [head.requantized[each.astype(int) + 128] for each in values]
    if all(np.array_equal(each, np.arange(256) - 128) for each in wanted):
        return None
    try:
        fitted = [transform.fitted(each) for each in wanted]
    except ValueError as error:
        raise GalagoError(
            "model.quantization",
            f"the first QUANTIZE cannot be left to the pixels ({error}): convert the model "
            "again with int8 input",
        ) from None
    return [list(fitted[i if len(fitted) > 1 else 0]) for i in range(len(lines))]


def _facts(
    draft: Draft, network: Network, range_name: str, model: ModelDirectory, ends: tuple[str, str]
) -> dict[str, str]:
    """Lines on how the model was read; `ends` are the types of its input and output in the file."""
    contract, tail = model.contract, network.tail
    height, width, channels = draft.shape
    rule = "through a table" if "transform" in contract["input"] else "int8 = pixel - 128"
    scores = {
        "softmax": "probabilities",
        "sigmoid": "sigmoid",
        "logits": "logits, softmax on the board" if draft.outputs > 1 else "one logit, sigmoid on the board",
    }
    taken = [f"{', '.join(tail.dropped)} dropped"] if tail.dropped else []
    exact = {
        "int8": "every integer as in TensorFlow Lite Micro",
        "uint8": "uint8 weights kept, every integer as in TensorFlow Lite's reference kernels",
    }
    return {
        "input": f"{height}x{width}x{channels} {'RGB' if channels == 3 else 'grey'}, {ends[0]} in the file",
        "range": f"{range_name}; {rule}",
        "output": "; ".join(
            [f"{draft.outputs} {scores[tail.activation]}, {ends[1]} in the file", *taken, *draft.notes]
        ),
        "operators": ", ".join(network.operators),
        "size": f"{contract['files']['tflite']['bytes']:,} bytes, {contract['macs']:,} MACs, "
        f"arena {contract['arena_bytes']:,} bytes",
        "exact": exact[draft.core],
    }
