# SPDX-License-Identifier: MIT
"""A .tflite of any kind as one that boards run: int8 from end to end, one picture in, one row of scores out.

draft = reading.drafted(data, output=None)      # checked: what it computes in, its shapes, its labels
draft.core, draft.shape, draft.outputs
network = reading.integer(draft)                # the int8 .tflite, with its head and tail
"""

from dataclasses import dataclass, field

from galago.errors import GalagoError
from galago.importer import metadata, refusals, shapes
from galago.importer.ends import Head, Tail, take_head, take_tail
from galago.importer.graph import Graph
from galago.tflite import legacy


@dataclass
class Draft:
    """A graph that can be imported, not yet in int8."""

    graph: Graph
    data: bytes
    """The file."""
    core: str
    """What its layers compute in: int8, uint8, float32 or dynamic."""
    shape: tuple[int, int, int]
    """Height, width and channels of the picture."""
    outputs: int
    labels: list[str] | None
    """Labels packed into the file."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Network:
    """An int8 .tflite and what its ends mean."""

    data: bytes
    head: Head
    tail: Tail
    input: tuple[float, int]
    """Scale and zero point."""
    output: tuple[float, int]
    operators: list[str]
    """The kinds of its operators, sorted."""


def drafted(data: bytes, output: str | None = None, encoding: str | None = None) -> Draft:
    """Checks a .tflite of any kind, and removes what only moves shapes about.

    `output` chooses one of several outputs, by name or number; `encoding` is that of packed labels. Raises
    GalagoError model.malformed, model.operator, model.quantization, model.labels.
    """
    names = metadata.labels_of(data, encoding)
    graph = Graph(data)
    refusals.check(graph)
    notes = _choose_output(graph, output)
    notes += shapes.simplify(graph)
    refusals.check_output(graph, graph.outputs[0])
    _, height, width, channels = graph.shape(graph.inputs[0])
    outputs = max([n for n in graph.shape(graph.outputs[0]) if n != 1], default=1)
    return Draft(graph, data, refusals.core(graph), (height, width, channels), outputs, names, notes)


def integer(draft: Draft) -> Network:
    """The int8 .tflite of a draft whose core is int8 or uint8. Raises GalagoError model.quantization."""
    graph = draft.graph
    before = (graph.kinds(), graph.inputs, graph.outputs, len(draft.notes), draft.labels)
    head, tail = take_head(graph), take_tail(graph)
    if draft.core == "uint8":
        legacy.to_int8(graph.model)
    after = (graph.kinds(), graph.inputs, graph.outputs, 0, None)
    changed = graph.changed or draft.core == "uint8" or before != after
    source, target = (graph.quantization(ends[0]) for ends in (graph.inputs, graph.outputs))
    kinds = sorted(set(graph.kinds()))
    return Network(graph.packed() if changed else draft.data, head, tail, source, target, kinds)


def _choose_output(graph: Graph, wanted: str | None) -> list[str]:
    """Leaves one output. Raises GalagoError model.operator where it is not clear which."""
    outputs = graph.outputs
    if wanted is None and len(outputs) == 1:
        return []
    names = [graph.name(output) for output in outputs]
    shown = ", ".join(
        f"{number} {name} ({'x'.join(map(str, graph.shape(output)))})"
        for number, (name, output) in enumerate(zip(names, outputs, strict=True))
    )
    if wanted is None:
        ranks = [graph.shape(output) for output in outputs]
        if len(outputs) in (2, 4) and any(len(shape) == 3 and shape[-1] == 4 for shape in ranks):
            raise GalagoError(
                "model.operator",
                f"this is an object detector (SSD): its outputs are {shown}: train an image classifier",
            )
        raise GalagoError(
            "model.operator", f"the model has {len(outputs)} outputs, {shown}: choose one with --output"
        )
    if wanted in names:
        number = names.index(wanted)
    elif wanted.isdecimal() and int(wanted[:6]) < len(outputs):
        number = int(wanted)
    else:
        raise GalagoError("config.invalid", f"expected --output to be one of {shown}, got {wanted}")
    graph.outputs = [outputs[number]]
    graph.prune()
    return [f"output {names[number]} of {len(outputs)}"] if len(outputs) > 1 else []
