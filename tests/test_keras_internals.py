# SPDX-License-Identifier: MIT
"""The private parts of Keras that Galago uses are still there and do what Galago expects of them."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from galago import imagenet, keras_internals
from support.requirements import extra_module

keras = extra_module("keras", extra="train")


def test_all_layers_are_found_also_in_nested_models() -> None:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="inner")])
    picture = keras.Input((4,))
    network = keras.Model(picture, keras.layers.Dense(2, name="outer")(inner(picture)))
    layers = keras_internals.all_layers(network)
    assert {"inner", "outer"} <= {layer.name for layer in layers}
    assert network in layers
    assert inner in layers


def test_home_is_where_keras_caches_files(tmp_path: Path) -> None:
    """In a process of its own, whose home directory is another one."""
    (tmp_path / "source.txt").write_text("weights")
    program = (
        "from galago import keras_internals, lazy_tensorflow\n"
        f"file = lazy_tensorflow.keras().utils.get_file('file.txt', {(tmp_path / 'source.txt').as_uri()!r}, "
        "cache_subdir='models')\n"
        "assert (keras_internals.home() / 'models' / 'file.txt').samefile(file), file\n"
        "print(keras_internals.home())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    process = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert Path(process.stdout.splitlines()[-1]) == tmp_path / ".keras"


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's memory")
def test_arrays_of_the_next_step_take_the_memory_of_the_one_before() -> None:
    """A page that the system gives anew is a fault. A step takes three arrays of 40 MB."""
    program = (
        "from galago import lazy_tensorflow\n"
        "import resource\n"
        "tf = lazy_tensorflow.tensorflow()\n"
        "@tf.function\n"
        "def step(seed):\n"
        "    x = tf.random.stateless_uniform((10, 1024, 1024), (seed, 2))\n"
        "    return tf.reduce_sum(tf.exp(x) + tf.abs(x))\n"
        "def steps(count):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for seed in range(count): step(tf.constant(seed))\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "steps(20)\n"  # until each array has found its place
        "print(steps(10))\n"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    arrays = int(process.stdout) * resource.getpagesize() / (10 * 1024 * 1024 * 4)
    assert arrays < 10  # of thirty


def test_weights_are_looked_for_where_keras_keeps_them() -> None:
    home = Path(keras.src.backend.config.keras_home())  # KERAS_HOME, if the test data has weights
    assert imagenet.weights_file("mobilenet_v1", 0.25, 128).parent == home / "models"
