# SPDX-License-Identifier: MIT
"""The choice of the backend: the order, the firmware's modules, and the answer to a golden picture."""

from runtime_bench import Bench

CHOOSE = """
from mobilenet import Classifier, GalagoError
try:
    net = Classifier(PATH, {order})
    print(json.dumps([net.backend, [[name, error.code, error.message] for name, error in net.skipped]]))
    net.close()
except GalagoError as error:
    print(json.dumps([error.code, error.message]))
"""


def choose(bench: Bench, order: object) -> list:
    return bench.run(CHOOSE.format(order=order))[0]


def test_the_first_in_the_order_runs(bench: Bench) -> None:
    for first in ("openmv", "microlite", "emlearn", "builtin"):
        assert choose(bench, (first, "builtin")) == [first, []]
    assert choose(bench, None) == ["openmv", []]


def test_what_the_firmware_lacks_is_skipped_silently(bench: Bench) -> None:
    assert choose(bench, ("canmv_k230", "nonsense", "builtin")) == ["builtin", []]
    code, message = choose(bench, ("canmv_k230",))
    assert code == "backend.unknown"
    assert "canmv_k230" in message


def test_a_name_of_the_config_that_is_another_module_is_no_runtime(bench: Bench) -> None:
    for name in ("golden", "", "..model", "builtin.x", "golden.pattern", "\u00e4" * 30):
        assert choose(bench, (name,))[0] == "backend.unknown"
        assert choose(bench, (name, "builtin"))[0] == "builtin"


def test_a_runtime_that_answers_wrongly_is_skipped_and_reported_with_the_difference(bench: Bench) -> None:
    """The runtime returns scores of the wrong classes, as after a wrong conversion."""
    broken = """
import microlite
right = microlite.tensor.getValue
microlite.tensor.getValue = lambda self, index: right(self, (index + 1) % 20)
"""
    repaired = "\nmicrolite.tensor.getValue = right\n"
    ((chosen, skipped),) = bench.run(broken + CHOOSE.format(order=("microlite", "builtin")) + repaired)
    assert chosen == "builtin"
    ((name, code, message),) = skipped
    assert (name, code) == ("microlite", "backend.wrong")
    assert "golden picture 5" in message
    assert "of 256" in message


def test_scores_of_nan_are_wrong(bench: Bench) -> None:
    script = """
import ml
from ulab import ndarray
right = ml.Model.predict
nothing = ndarray([float("nan")] * 20)
ml.Model.predict = lambda self, inputs: right(self, inputs) and [nothing]
"""
    ((code, message),) = bench.run(script + CHOOSE.format(order=("openmv",)) + "\nml.Model.predict = right\n")
    assert code == "backend.wrong"
    assert "golden picture 5" in message


def test_a_too_small_arena_is_never_used(bench: Bench) -> None:
    """microlite only prints that an arena is too small, then crashes; the size in model.json is enough."""
    script = """
from mobilenet.model import Model
print(json.dumps(Model(PATH).runtime("microlite", "arena_bytes")))
import microlite, os
from mobilenet.model import Model
path = Model(PATH).file("tflite")
content = bytearray(os.stat(path)[6])
with open(path, "rb") as file:
    file.readinto(content)
for arena in (Model(PATH).runtime("microlite", "arena_bytes"), 1000):
    net = microlite.interpreter(content, arena, lambda i: None, lambda i: None)
    print(json.dumps(net._ready))
"""
    arena, enough, too_small = bench.run(script)
    assert arena > 100_000
    assert enough
    assert not too_small
