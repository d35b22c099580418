# SPDX-License-Identifier: MIT
"""Measures compiler and simulator on real pictures, and writes the tables of docs/k210.md.

    python tests/k210/measure.py tables docs/k210.md --data ../shared/data --nets build/k210     # make k210
    python tests/k210/measure.py agreement build/k210/v1_025_128.tflite ../shared/data/images/imagenet_val650
    python tests/k210/measure.py accuracy mbnet75.kmodel ../shared/data/images/imagenet_val650

`agreement` compares the simulated kmodel with TensorFlow Lite Micro, picture by picture. What both say of all
pictures takes long, and is kept beside the .tflite. `--pictures 20` is for a first look.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import networks
import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from galago import dataset, pictures
from galago.targets.k210 import kpu, layout
from galago.targets.k210.compiler import Compiled, compile_model
from galago.targets.k210.conv import Conv
from galago.targets.k210.convolution import MOST_CHANNELS
from galago.targets.k210.cycles import CLOCK, WEIGHT_RATE, seconds
from galago.targets.k210.head import TAPS
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.kpu import Rounding
from galago.targets.k210.simulator import Simulator
from galago.tflite.graph import Graph, Tensor

app = typer.Typer(add_completion=False, help="Measure the K210 compiler and simulator on pictures.")
_Pictures = Annotated[Path, typer.Argument(metavar="PICTURES", help="A folder with labels.txt: FILE NUMBER.")]
_Count = Annotated[int, typer.Option("--pictures", help="So many, from the front of the list.")]
_ALL = 1 << 30
_DENSE = ("FULLY_CONNECTED", "CONV_2D")
_console = Console(stderr=True)


@app.command()
def accuracy(
    kmodel: Path, photos: _Pictures, count: _Count = _ALL, rounding: Annotated[str, typer.Option()] = "up"
) -> None:
    """Top-1 and top-5 of a kmodel against the labels."""
    print(_accuracy(kmodel, photos, count, "even" if rounding == "even" else "up", kmodel.parent))


@app.command()
def agreement(tflite: list[Path], photos: _Pictures, count: _Count = _ALL) -> None:
    """Simulated kmodels against TensorFlow Lite Micro, one row each."""
    print(_table(_AGREEMENT, [_agreement_row(Network.of(path), photos, count) for path in tflite]))


@app.command()
def tables(
    document: Path,
    data: Annotated[Path, typer.Option(help="The test data.")] = networks.DATA,
    nets: Annotated[Path, typer.Option(help="Where the networks are, or are built.")] = Path("build/k210"),
    count: _Count = _ALL,
    kept: Annotated[bool, typer.Option("--kept", help="Leave out what has not been measured yet.")] = False,
) -> None:
    """Everything, into the document: between each <!-- NAME --> and the next <!-- end -->."""
    photos = data / "images" / "imagenet_val650"
    drawn = [name for name, (_, _, _, weights) in networks.NETWORKS.items() if not weights]
    trained = [name for name in networks.NETWORKS if name not in drawn]
    compiled = {name: Network.of(networks.path(name, nets, data)) for name in networks.NETWORKS}
    parts = {
        "sizes": _table(_SIZES, [_size_row(network) for network in compiled.values()]),
        "agreement": _table(
            _AGREEMENT,
            [row for name in trained if (row := _agreement_row(compiled[name], photos, count, kept))],
        ),
        "mbnet75": "" if kept else _accuracy(data / "kmodels" / "mbnet75.kmodel", photos, count, "up", nets),
    }
    text = document.read_text()
    for name, part in parts.items():
        if not part:
            continue
        text, found = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda match, part=part: f"{match[1]}{part}\n{match[2]}",
            text,
            flags=re.DOTALL,
        )
        if not found:
            raise SystemExit(f"{document} has no <!-- {name} --> … <!-- end -->")
    document.write_text(text)


@dataclass
class Network:
    """A .tflite and what became of it."""

    path: Path
    data: bytes
    graph: Graph
    compiled: Compiled
    file: int  # bytes
    spent: float  # seconds of the processor for compiling

    @classmethod
    def of(cls, path: Path) -> "Network":
        data, start = path.read_bytes(), time.process_time()
        compiled = compile_model(data)
        file = len(compiled.model.write())
        return cls(path, data, Graph.read(data), compiled, file, time.process_time() - start)

    @property
    def name(self) -> str:
        version, alpha, size, _ = networks.NETWORKS.get(self.path.stem, (0, 0, 0, None))
        return f"V{version} {alpha:g} at {size}" if version else self.path.stem

    def logits(self) -> tuple[int, float, int]:
        """The tensor that the softmax takes, as a layer computes it, its scale and zero point."""
        (softmax,) = [one for one in self.graph.operators if one.kind == "SOFTMAX"]
        tensor = self.graph.tensors[softmax.inputs[0]]
        computed = next(one.output for one in self.graph.operators if self._is_last(one))
        return computed, tensor.scale, tensor.zero_point

    def _is_last(self, operator) -> bool:
        """Whether nothing but reshaping and softmax follows a dense layer."""
        users = self.graph.users(operator.output)
        return operator.kind in (*_DENSE, "RESHAPE") and all(
            one.kind == "SOFTMAX" or (one.kind == "RESHAPE" and self._is_last(one)) for one in users
        )


_SIZES = (
    "model|layers|file|over weights|of it batch norm|alignment|KPU RAM|main RAM|KPU|over bound|compiled in"
)


def _size_row(network: Network) -> list[str]:
    constants = sum(tensor.data.nbytes for tensor in network.graph.tensors if tensor.data is not None)
    model = network.compiled.model
    convs = [layer for layer in model.layers if isinstance(layer, Conv)]
    took = sum(seconds(layer) for layer in convs)
    biases = sum(t.data.nbytes for t in network.graph.tensors if t.data is not None and _is_bias(t))
    norms = sum(len(layer.norms.pack()) for layer in convs)
    return [
        network.name,
        str(len(model.layers)),
        f"{network.file:,} B",
        f"{network.file / constants - 1:+.1%}",
        f"{(norms - biases) / constants:.1%}",
        f"{_padding(model) / constants:.1%}",
        f"{network.compiled.kpu_lines * layout.LINE:,} B",
        f"{model.main_bytes:,} B",
        f"{took * 1e3:.1f} ms",
        f"{took / bound(network.graph) - 1:+.1%}",
        f"{network.spent:.1f} s",
    ]


def _is_bias(tensor: Tensor) -> bool:
    return tensor.data is not None and tensor.dtype == np.int32 and len(tensor.scales) == tensor.size > 1


def _padding(model: Kmodel) -> int:
    """Bytes of the file that align what comes after them."""
    packed = 0
    for layer in model.layers:
        packed += 8  # its type and size
        if isinstance(layer, Conv):
            blobs = layer.registers.pack(), layer.weights, layer.norms.pack(), layer.activation.pack()
            packed += 24 + sum(len(bytes(blob)) for blob in blobs)
        else:
            packed += len(layer.write(0))
    return len(model.write()) - 28 - 8 * len(model.outputs) - packed


_AGREEMENT = (
    "model|pictures|same top-1|of TFLM's best|all logits equal|largest difference|top-1 TFLM|top-1 kmodel"
)


def _agreement_row(network: Network, photos: Path, count: int, kept: bool = False) -> list[str]:
    """A row; empty if only what is `kept` counts, and something is not."""
    labels = np.array([int(label) for label in dataset.listed(photos).labels[:count]])
    answers = [of(network, photos, count, kept) for of in (_tflm, _simulated)]
    if not all(answer.size for answer in answers):
        return []
    said, got = (answer.astype(int) for answer in answers)
    there, here = said.argmax(1), got.argmax(1)
    best = said[np.arange(len(said)), here] == said.max(1)
    shares = (there == here, best, (got == said).all(1), there == labels, here == labels)
    same, best, equal, right, right_here = (f"{share.mean():.1%}" for share in shares)
    largest = f"{abs(got - said).max()} LSB"
    return [network.name, str(len(labels)), same, best, equal, largest, right, right_here]


def _tflm(network: Network, photos: Path, count: int, kept: bool) -> np.ndarray:
    """The logits of TensorFlow Lite Micro, int8 [pictures, classes]."""
    from galago.tflite.tflm import Tflm

    oracle, (tensor, _, _) = Tflm(network.data), network.logits()

    def answer(planes: np.ndarray) -> np.ndarray:
        return oracle.tensors((planes.transpose(1, 2, 0) ^ 128).view(np.int8))[tensor].ravel()

    return _kept(network, photos, count, network.data, "TFLM", None if kept else answer)


def _simulated(network: Network, photos: Path, count: int, kept: bool) -> np.ndarray:
    """The logits of the simulated kmodel in TFLite's steps, int16 [pictures, classes]."""
    simulator, (_, scale, zero) = Simulator(network.compiled.model), network.logits()

    def answer(planes: np.ndarray) -> np.ndarray:
        turned = planes[:, ::-1, ::-1] if network.compiled.rotated else planes
        results: list[np.ndarray] = []
        simulator.run(np.ascontiguousarray(turned), lambda _, __, result: results.append(result))
        return (np.rint(results[-2].ravel() / scale) + zero).astype(np.int16)

    key = network.compiled.model.write() + _source()
    return _kept(network, photos, count, key, "kmodel", None if kept else answer)


def _kept(
    network: Network, photos: Path, count: int, key: bytes, who: str, answer: Callable[..., np.ndarray] | None
) -> np.ndarray:
    """Answers to all pictures, from a file beside the .tflite if it is there."""
    paths = dataset.listed(photos).paths[:count]
    name = hashlib.sha256(key + "".join(path.name for path in paths).encode()).hexdigest()[:12]
    file = network.path.with_suffix(f".{name}.npy")
    if not file.exists():
        if answer is None:
            return np.empty(0)
        height, width, channels = network.graph.tensors[network.graph.input].shape[1:]
        planes = _planes(photos, (channels, height, width), count)
        title = f"{network.name}, {who}"
        answers = [answer(one) for one, _ in track(planes, title, len(paths), console=_console)]
        np.save(file, np.stack(answers))
    return np.load(file)


def _accuracy(kmodel: Path, photos: Path, count: int, rounding: Rounding, keep: Path) -> str:
    """A sentence; kept in a file of the folder `keep`."""
    key = hashlib.sha256(kmodel.read_bytes() + f"{photos} {count} {rounding}".encode() + _source())
    file = keep / f"{kmodel.stem}.{key.hexdigest()[:12]}.txt"
    if file.exists():
        return file.read_text()
    simulator = Simulator(Kmodel.read(kmodel.read_bytes()), rounding)
    first = fifth = 0
    spent = 0.0
    done = len(dataset.listed(photos).paths[:count])
    for planes, label in track(
        _planes(photos, simulator.input_shape, count), kmodel.name, done, console=_console
    ):
        start = time.process_time()
        (scores,) = simulator.run(planes)
        spent += time.process_time() - start
        best = np.argsort(-scores, kind="stable")[:5]
        first += int(best[0] == label)
        fifth += int(label in best)
    file.write_text(
        f"{kmodel.name} on {done} pictures: top-1 {first / done:.1%}, top-5 {fifth / done:.1%}, "
        f"{spent / done:.2f} s of the processor for each"
    )
    return file.read_text()


def _source() -> bytes:
    return b"".join(path.read_bytes() for path in sorted(Path(kpu.__file__).parent.glob("*.py")))


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


def _planes(photos: Path, shape: tuple[int, int, int], count: int) -> Iterator[tuple[np.ndarray, int]]:
    """Pictures as uint8 [channels, height, width], with their labels."""
    channels, height, width = shape
    listed = dataset.listed(photos)
    for position, rgb in dataset.read(listed.paths[:count], print):
        pixels = pictures.resize(rgb, height, width, channels)
        yield np.ascontiguousarray(pixels.transpose(2, 0, 1)), int(listed.labels[position])


def _table(titles: str, rows: list[list[str]]) -> str:
    lines = [titles.split("|"), ["---"] * (titles.count("|") + 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    app()
