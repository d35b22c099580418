# SPDX-License-Identifier: MIT
"""What a Classifier says of itself on the real interpreter."""

import json

from galago import models
from galago.tflite import engine

MODEL = models.find("everyday-v1-025-96")

DESCRIBE = """
import json
from mobilenet import Classifier
net = Classifier(argv[0], ["builtin"])
print(json.dumps(net.describe()))
print(json.dumps([net.confidence(score) for score in (-128, 0, 127)]))
"""

# A runtime with nothing to describe.
OTHER = """
import sys
class other:
    TOLERANCE = None
    input, outputs = bytearray(3), 20
    supports = lambda model: None
    load = lambda model: other
    close = lambda: None
sys.modules["mobilenet.backends.other"] = other
from mobilenet import Classifier
print(Classifier(argv[0], ["other"]).describe())
"""


def test_the_built_in_engine_is_described(micropython, compiled) -> None:
    described, confidences = map(json.loads, micropython(DESCRIBE, MODEL.path, package=compiled).splitlines())
    plan = engine.plan((MODEL.path / "model.tflite").read_bytes())
    layers = described.pop("layers")
    assert layers > 20
    assert described == {
        "backend": "builtin",
        "kernels": "viper",
        "native": 0,
        "weights": "ram",
        "arena_bytes": plan.arena,
        "macs": MODEL.contract["macs"],
    }
    assert confidences == [0, 0.5, 255 / 256]


def test_other_runtimes_only_have_a_name(micropython, compiled) -> None:
    assert micropython(OTHER, MODEL.path, package=compiled) == "{'backend': 'other'}\n"
