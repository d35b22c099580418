# SPDX-License-Identifier: MIT
"""Measures compiler and simulator on real pictures; docs/k210.md holds the results.

    python tests/k210/measure.py accuracy mbnet75.kmodel imagenet_val650
    python tests/k210/measure.py agreement model.tflite imagenet_val650 --pictures 100

PICTURES is a folder with a labels.txt of lines `FILE NUMBER`; they are fitted as for any model. `agreement`
compares the simulated kmodel with TensorFlow Lite Micro, picture by picture, and prints one row of a
Markdown table.
"""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from galago import dataset, pictures
from galago.k210 import layout
from galago.k210.compiler import Compiled, compile_model
from galago.k210.conv import Conv
from galago.k210.cycles import CLOCK, WEIGHT_RATE, seconds
from galago.k210.features import MOST_CHANNELS
from galago.k210.graph import Graph
from galago.k210.head import TAPS, Where
from galago.k210.kmodel import Kmodel
from galago.k210.kpu import Rounding
from galago.k210.simulator import Simulator

app = typer.Typer(add_completion=False, help="Measure the K210 compiler and simulator on pictures.")
_Pictures = Annotated[Path, typer.Argument(metavar="PICTURES")]
_Count = Annotated[int, typer.Option("--pictures", help="So many, from the front of the list.")]


@app.command()
def accuracy(
    kmodel: Path, photos: _Pictures, count: _Count = 1 << 30, rounding: Annotated[str, typer.Option()] = "up"
) -> None:
    """Top-1 and top-5 of a kmodel against the labels."""
    chosen: Rounding = "even" if rounding == "even" else "up"
    simulator = Simulator(Kmodel.read(kmodel.read_bytes()), chosen)
    first = fifth = done = 0
    spent = 0.0
    for planes, label in _planes(photos, simulator.input_shape, count):
        done += 1
        start = time.perf_counter()
        (scores,) = simulator.run(planes)
        spent += time.perf_counter() - start
        best = np.argsort(-scores, kind="stable")[:5]
        first += int(best[0] == label)
        fifth += int(label in best)
    print(
        f"{kmodel.name}: {done} pictures, top-1 {first / done:.1%}, top-5 {fifth / done:.1%}, "
        f"{spent / done:.2f} s each"
    )


@app.command()
def agreement(
    tflite: list[Path],
    photos: _Pictures,
    count: _Count = 1 << 30,
    head: Annotated[str, typer.Option()] = "kpu",
    header: Annotated[bool, typer.Option()] = True,
) -> None:
    """Simulated kmodels against TensorFlow Lite Micro, one row each."""
    if header:
        print(
            "| model | layers | file | over weights | compiled in | KPU | over bound | pictures | same top-1 "
            "| with ties | largest difference | top-1 TFLM | top-1 kmodel |"
        )
        print("|---" * 13 + "|")
    for path in tflite:
        print(_row(path, photos, count, "cpu" if head == "cpu" else "kpu"), flush=True)


def _row(path: Path, photos: Path, count: int, head: Where) -> str:
    data = path.read_bytes()
    start = time.perf_counter()
    compiled = compile_model(data, head)
    file = compiled.model.write()
    spent = time.perf_counter() - start
    graph = Graph.read(data)
    constants = sum(t.data.nbytes for t in graph.tensors if t.data is not None)
    took = sum(seconds(layer) for layer in compiled.model.layers if isinstance(layer, Conv))
    compared = _compare(data, graph, compiled, photos, count)
    return (
        f"| {path.stem} | {len(compiled.model.layers)} | {len(file):,} B | {len(file) / constants - 1:+.1%} "
        f"| {spent:.1f} s | {took * 1e3:.1f} ms | {took / bound(graph) - 1:+.1%} | {compared} |"
    )


def _compare(data: bytes, graph: Graph, compiled: Compiled, photos: Path, count: int) -> str:
    from galago.tflm import Tflm

    oracle, simulator = Tflm(data), Simulator(compiled.model)
    (softmax,) = [one for one in graph.operators if one.kind == "SOFTMAX"]
    logits = graph.tensors[softmax.inputs[0]]
    computed = next(
        one.output for one in graph.operators if one.kind in _DENSE and _is_last(graph, one.output)
    )
    same = tied = right = right_here = largest = done = 0
    for planes, label in _planes(photos, simulator.input_shape, count):
        done += 1
        pixels = (planes.transpose(1, 2, 0) ^ 128).view(np.int8)
        wanted = oracle.tensors(pixels)[computed].ravel().astype(int)
        turned = np.ascontiguousarray(planes[:, ::-1, ::-1]) if compiled.rotated else planes
        got = np.rint(_before_softmax(simulator, turned) / logits.scale).astype(int) + logits.zero_point
        same += int(got.argmax() == wanted.argmax())
        tied += int(np.any((got == got.max()) & (wanted == wanted.max())))
        right += int(wanted.argmax() == label)
        right_here += int(got.argmax() == label)
        largest = max(largest, int(abs(got - wanted).max()))
    return (
        f"{done} | {same / done:.1%} | {tied / done:.1%} | {largest} LSB "
        f"| {right / done:.1%} | {right_here / done:.1%}"
    )


def _before_softmax(simulator: Simulator, planes: np.ndarray) -> np.ndarray:
    """The logits, float32 [classes]."""
    results: list[np.ndarray] = []
    simulator.run(planes, lambda _, __, result: results.append(result))
    return results[-2].ravel()


_DENSE = ("FULLY_CONNECTED", "CONV_2D")


def _is_last(graph: Graph, tensor: int) -> bool:
    """Whether nothing but reshaping and softmax follows."""
    users = graph.users(tensor)
    return all(
        one.kind == "SOFTMAX" or (one.kind == "RESHAPE" and _is_last(graph, one.output)) for one in users
    )


def bound(graph: Graph) -> float:
    """Seconds of the cycle model for the convolutions and dense layers alone, mapped one to one.

    Additions, slices and frames come on top. A 1x1 layer after a depthwise layer of stride 2 runs, as that,
    at the larger side.
    """
    strided = {
        one.output for one in graph.operators if one.kind == "DEPTHWISE_CONV_2D" and one.options.strideH == 2
    }
    total = 0.0
    for one in graph.operators:
        if one.kind not in (*_DENSE, "DEPTHWISE_CONV_2D"):
            continue
        weights, source = (graph.tensors[one.inputs[i]].shape for i in (1, 0))
        height, width = source[1:3] if len(source) == 4 and source[1] > 1 else (4, 4)
        inputs = source[-1] if source[-1] <= MOST_CHANNELS else -(-source[-1] // TAPS)
        if one.inputs[0] in strided:
            height, width = 2 * height, 2 * width
        depthwise = one.kind == "DEPTHWISE_CONV_2D" and source[-1] > 1
        outputs = weights[3] if one.kind == "DEPTHWISE_CONV_2D" else weights[0]
        work = layout.lines(inputs, height, width) * (1 if depthwise else outputs)
        total += work / CLOCK + np.prod(weights) / WEIGHT_RATE
    return total


def _planes(photos: Path, shape: tuple[int, int, int], count: int):
    """Pictures as uint8 [channels, height, width], with their labels."""
    channels, height, width = shape
    listed = dataset.listed(photos)
    for position, rgb in dataset.read(listed.paths[:count], print):
        pixels = pictures.fit(rgb, height, width, channels)
        yield np.ascontiguousarray(pixels.transpose(2, 0, 1)), int(listed.labels[position])


if __name__ == "__main__":
    app()
