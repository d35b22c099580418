# SPDX-License-Identifier: MIT
"""What a network needs on every board: its size, its MACs, and the memory that the engine plans for it.

network = Network.of_model(model_directory.tflite.read_bytes())
network = Network.of_variant(Variant("mobilenet_v1", 0.25, 96, (20,)))
network.size, network.macs, network.plan.arena
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

from galago import cache
from galago.fit.variants import Variant
from galago.resources import firmware_dir
from galago.tflite.engine import Plan


@dataclass(frozen=True, eq=False)
class Network:
    """A .tflite as far as its size and its layers go."""

    key: str
    """What identifies it in the cache: the SHA-256 of the file, or the description of a variant."""
    tflite: Callable[[], bytes] = field(repr=False)
    """Returns the .tflite."""
    size: int
    """Size of the .tflite."""
    operators: int
    """How many operators it has."""
    macs: dict[str, int]
    """MACs of one inference by kind of layer (tflite.summary.LayerSummary.kind)."""
    dense: tuple[int, ...]
    """The number of outputs of each fully connected layer."""
    softmax: int
    """The number of values that softmax layers compute."""
    plan: Plan
    """What the engine allocates when viper computes."""

    @classmethod
    def of_model(cls, tflite: bytes) -> "Network":
        """The network of a .tflite.

        Raises GalagoError model.malformed, model.operator or model.quantization, as a board would.
        """
        return cls._derive(hashlib.sha256(tflite).hexdigest(), lambda: tflite)

    @classmethod
    def of_variant(cls, variant: Variant) -> "Network":
        """The network that a variant describes, with weights of zero."""
        return _of_variant(variant)

    @classmethod
    def _derive(cls, key: str, tflite: Callable[[], bytes]) -> "Network":
        known = cache.derive("network", key, lambda: _examine(tflite()))
        return cls(
            key=key,
            tflite=tflite,
            size=known["size"],
            operators=known["operators"],
            macs=known["macs"],
            dense=tuple(known["dense"]),
            softmax=known["softmax"],
            plan=plan_from_json(known["plan"]),
        )


@functools.cache
def _of_variant(variant: Variant) -> Network:
    return Network._derive(repr(variant), variant.tflite)


def _examine(tflite: bytes) -> dict[str, Any]:
    from galago.tflite import engine, summary

    layers = summary.layers(tflite)
    macs: Counter[str] = Counter()
    for layer in layers:
        if layer.macs:
            macs[layer.kind] += layer.macs
    return {
        "size": len(tflite),
        "operators": len(layers),
        "macs": dict(macs),
        "dense": [layer.output[-1] for layer in layers if layer.kind == "fully connected"],
        "softmax": sum(prod(layer.output) for layer in layers if layer.kind == "softmax"),
        "plan": plan_as_json(engine.plan(tflite)),
    }


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """A plan as JSON can hold it: source files are named from the firmware folder."""
    folder = firmware_dir()
    values = plan._asdict()
    for name in ("modules", "loading"):
        values[name] = [str(source.relative_to(folder)) for source in values[name]]
    return values


def plan_from_json(values: dict[str, Any]) -> Plan:
    """The plan that `plan_as_json` describes."""
    folder = firmware_dir()
    sources = {name: tuple(folder / source for source in values[name]) for name in ("modules", "loading")}
    tuples = {name: tuple(values[name]) for name in ("words", "kernels")}
    return Plan(**{**values, **sources, **tuples})
