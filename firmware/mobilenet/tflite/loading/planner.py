# SPDX-License-Identifier: MIT
"""Plans a model: checks it, decides which layers run together, and where each tensor is in the arena.

    plan = planner.plan(source, kernels)

A plan is a tuple of the records of all layers, an array('i') (record.toml), and a dict:

arena     bytes of the arena
piece     most bytes of the model that a kernel needs at once
macs      MACs of one inference
size      words of the records and their tails
chains    list of lists of layers: one that runs as a whole, or the layer of each row of a chain in turn
layers    list of [viper kernel, machine code] of each layer, by name; "" where there is no machine code
input     [offset in the arena, shape, bits of the float32 scale, zero point]
output    the same

`galago flash` stores it beside the model, so that a board need not repeat this work (stored.py).
"""

import gc
from array import array

from micropython import const

from .arena import Layout
from .flatbuffer import Flatbuffer
from .graph import Graph

_RECORD = const(32)
# Words of a layer's record (record.toml).
_TAIL = const(30)


def plan(source, kernels):
    """Returns the plan of the model in a buffer or an open file.

    `kernels` is a module of machine code or None. Raises GalagoError model.malformed, model.operator or
    model.quantization.
    """
    graph = Graph(Flatbuffer(source))
    if kernels:
        from .native import replace

        graph.operators = replace(graph.operators, kernels)
    gc.collect()
    layout = Layout(graph.operators, graph.input, graph.output)
    layout.grow()
    gc.collect()
    facts = {"arena": layout.place(), "piece": 0, "macs": 0, "layers": []}
    records, tails = array("i", []), array("i", [])
    for operator, record, _, _ in graph.operators:
        if len(record) > _RECORD:
            record[_TAIL] = 4 * (_RECORD * len(graph.operators) - len(records) + len(tails))
            tails.extend(record[_RECORD:])
        records.extend(record[:_RECORD])
        facts["layers"].append([operator.KERNEL, getattr(operator, "FUNCTION", "")])
        if hasattr(operator, "piece"):
            facts["macs"] += operator.macs(record)
            facts["piece"] = max(facts["piece"], operator.piece(record))
    records.extend(tails)
    facts["size"] = len(records)
    facts["chains"] = [layout.order(first, last) for first, last in layout.chains]
    for name, tensor in (("input", graph.input), ("output", graph.output)):
        facts[name] = [layout.offsets[tensor], graph.shape(tensor)]
        facts[name].extend(graph.scale(tensor))
    return records, facts
