# SPDX-License-Identifier: MIT
"""The feature extractor on the KPU: convolutions and additions between maps.

    features = Features(graph, rotated)
    features.convolve(operator) ...                 # appends to features.steps, in order
    features.maps[tensor]                           # where a tensor's map is

A KPU layer computes at full resolution and drops pixels afterwards. So a depthwise layer of stride 2 runs at
stride 1, and the 1x1 layer after it drops three pixels of four: the two commute.
"""

from dataclasses import dataclass

import numpy as np

from galago.targets.k210 import layers, layout
from galago.targets.k210.addition import addition
from galago.targets.k210.conv import Conv
from galago.targets.k210.convolution import (
    ALIGN,
    MIDDLE,
    MOST_CHANNELS,
    TOGETHER,
    Kernel,
    build,
    check_loads,
    identity,
    parts,
    refusal,
)
from galago.targets.k210.memory import Buffer, Spot, Step
from galago.targets.k210.padding import Padding
from galago.tflite.graph import Graph, Operator

SMALLEST = 4  # pixels: no public file has a smaller map in KPU RAM
SLICE = 24  # channels of a map cut for want of RAM; to halve its side costs its channels squared

Side = tuple[int, int]  # height and width


@dataclass
class Map:
    """A feature map in KPU RAM; where it is smaller than 4x4, only `shown` of the frame `side` counts."""

    spot: Spot
    channels: int
    side: Side
    shown: Side
    zero_point: int  # uint8
    steps: list[Step]  # that compute it: several where its channels are split
    strided: bool = False  # three pixels of four are still to be dropped
    framed: bool = False  # what lies outside `shown` is 0
    dense: Spot | None = None  # the same in main RAM, if it is there


class Features:
    """Walks operators in order. Raises `model.operator` with the layer's name for what the KPU cannot do."""

    def __init__(self, graph: Graph, padding: Padding) -> None:
        self.graph = graph
        self.padding = padding
        self.steps: list[Step] = []
        height, width, channels = graph.tensors[graph.input].shape[1:]
        self._pairs = self._partners()
        self._done: set[int] = set()
        self.maps = {
            graph.input: Map(
                self._home(graph.input, channels, (height, width)),
                channels,
                (height, width),
                (height, width),
                graph.tensors[graph.input].zero_point + MIDDLE,
                [],
            )
        }

    def convolve(self, operator: Operator) -> None:
        """CONV_2D or DEPTHWISE_CONV_2D."""
        if operator.number in self._done:
            return
        x = self._input(operator)
        kernel = Kernel.of(self.graph, operator)
        if self.padding.rotated:
            kernel = kernel.rotated()
        stride = operator.options.strideH
        if kernel.weights.shape[2] == 3 and x.strided:
            raise refusal(operator, "follows a depthwise layer of stride 2", "only a 1x1 layer may")
        if stride == 2 and x.side != x.shown:
            raise refusal(operator, f"halves a map of {x.shown[0]}x{x.shown[1]}", "take a larger input")
        if kernel.weights.shape[2] == 3 and x.side != x.shown:
            x = self._frame(operator, x)
        if slices := self._slices(operator, kernel, x):
            self._convolve_in_slices(operator, kernel, x, slices)
            return
        drops = x.strided or (stride == 2 and not kernel.depthwise)
        self._convolve(operator, kernel, x, drops)
        self.maps[operator.output].strided = stride == 2 and kernel.depthwise

    def add(self, operator: Operator) -> None:
        """ADD of two maps that lie one behind the other: a 1x1 convolution of their lines as they are.

        Every byte is treated alike, so that it does not matter what pixel of which channel it is: the layer
        takes them for few channels of the largest maps that there are.
        """
        if len(set(operator.inputs)) != 2 or not set(operator.inputs) <= set(self.maps):
            raise refusal(operator, "adds something else than two maps", "use MobileNet's residual additions")
        a, b = (self.maps[i] for i in operator.inputs)
        if a.side != b.side or a.channels != b.channels or a.strided or b.strided:
            raise refusal(operator, "adds maps of two shapes", "use MobileNet's residual additions")
        first = min(operator.inputs, key=list(self.maps).index)
        size = layout.lines(a.channels, *a.side)
        channels, side = layout.fewest_channels(size)
        if channels > MOST_CHANNELS // 2 or side[0] < SMALLEST:
            raise refusal(operator, f"adds {size} lines, which do not divide", "take another input size")
        kernel = addition(self.graph, operator, channels)
        if first != operator.inputs[0]:
            kernel.weights = np.roll(kernel.weights, channels, axis=1)
        spot = self._home(operator.output, a.channels, a.side)
        self._step(operator, build(kernel, side, 0), self.maps[first].spot, spot)
        self.maps[operator.output] = Map(spot, a.channels, a.side, a.shown, kernel.requantization.zero, [])

    def to_main(self, x: Map) -> Spot:
        """The map as dense bytes in main RAM, [channels, height, width], without its frame."""
        spot = self._dense(x)
        return spot if x.side == x.shown else self._pick(spot, x.channels, x.side, x.shown, 1)

    def frame_of_3x3(self, spot: Spot, channels: int) -> Spot:
        """Maps of 3x3 in main RAM as the left top of maps of 4x4 in KPU RAM."""
        frame = SMALLEST, SMALLEST
        dense, line = self._pick(spot, channels, (3, 3), frame, 1), self._new(channels, frame)
        layer = layers.Upload(width=frame[1], height=frame[0], channels=channels)
        self.steps.append(Step(layer, {"input": dense, "line": line}, "upload"))
        return line

    def _convolve(self, operator: Operator, kernel: Kernel, x: Map, drops: bool) -> None:
        side = (x.side[0] // 2, x.side[1] // 2) if drops else x.side
        if min(side) >= SMALLEST:
            self._emit(operator, kernel, x.spot, x, ALIGN if drops else 0, side)
            return
        # The CPU drops the pixels of a map that the KPU could not hold.
        self._emit(operator, kernel, x.spot, x, 0, x.side, home=False)
        whole = self.maps[operator.output]
        frame = max(side[0], SMALLEST), max(side[1], SMALLEST)
        picked = self._pick(self._dense(whole), whole.channels, x.side, frame, 2)
        home = self._home(operator.output, whole.channels, frame)
        self.maps[operator.output] = self._upload(whole, picked, home, frame, side)

    def _convolve_in_slices(self, operator: Operator, kernel: Kernel, x: Map, slices: int) -> None:
        """An expansion and its depthwise layer of stride 2, some channels at a time."""
        (second,) = self.graph.users(operator.output)
        deep = Kernel.of(self.graph, second)
        if self.padding.rotated:
            deep = deep.rotated()
        channels, half = len(kernel.weights), (x.side[0] // 2, x.side[1] // 2)
        width = channels // slices
        spot = self._home(second.output, channels, half)
        steps = []
        for start in range(0, channels, width):
            parts = ((kernel, x.zero_point), (deep, kernel.requantization.zero), (identity(width), 0))
            source = x.spot
            for number, (part, zero_point) in enumerate(parts):
                last = number == 2
                part = part if last else part.outputs(start, start + width)
                conv = build(part, x.side, zero_point, ALIGN if last else 0)
                target = Spot(Buffer("kpu", layout.lines(width, *x.side)))
                if last:
                    target = Spot(spot.buffer, spot.offset + layout.lines(start, *half))
                steps.append(self._step(second if number else operator, conv, source, target))
                source = target
        self._done.add(second.number)
        zero_point = deep.requantization.zero
        self.maps[second.output] = Map(spot, channels, half, half, zero_point, steps[-1:])

    def _slices(self, operator: Operator, kernel: Kernel, x: Map) -> int:
        """Into how many slices an expansion must be cut for its depthwise layer to fit; 0 for none."""
        users = self.graph.users(operator.output)
        channels, whole = len(kernel.weights), layout.lines(len(kernel.weights), *x.side)
        if kernel.weights.shape[2] != 1 or x.strided or 2 * whole <= layout.LINES or len(users) != 1:
            return 0
        if users[0].kind != "DEPTHWISE_CONV_2D" or users[0].options.strideH != 2:
            return 0
        half = (x.side[0] // 2, x.side[1] // 2)
        free = layout.LINES - layout.lines(x.channels, *x.side) - layout.lines(channels, *half)
        together = layout.groups(half[1])
        for slices in range(2, channels // together + 1):
            fits = channels % (slices * together) == 0 and 2 * whole <= free * slices
            if fits and channels <= slices * SLICE:
                return slices
        return 0

    def _emit(
        self,
        operator: Operator,
        kernel: Kernel,
        source: Spot,
        x: Map,
        pool: int,
        side: Side,
        home: bool = True,
    ) -> None:
        """One KPU layer, or several of some output channels each."""
        channels = len(kernel.weights)
        count = parts(kernel)
        if kernel.weights.shape[1] > MOST_CHANNELS or (count > 1 and channels % (TOGETHER * count)):
            raise refusal(operator, f"has {channels} channels", "take a smaller alpha")
        spot = self._home(operator.output, channels, side) if home else self._new(channels, side)
        steps = []
        for start in range(0, channels, channels // count):
            part = kernel.outputs(start, start + channels // count) if count > 1 else kernel
            conv = build(part, x.side, x.zero_point if kernel.weights_zero else 0, pool)
            check_loads(operator, conv)
            first = layout.lines(start, *x.side) if kernel.depthwise else 0
            given = Spot(source.buffer, source.offset + first)
            target = Spot(spot.buffer, spot.offset + layout.lines(start, *side))
            steps.append(self._step(operator, conv, given, target))
        height, width = self.graph.tensors[operator.output].shape[1:3]
        zero_point = kernel.requantization.zero
        self.maps[operator.output] = Map(spot, channels, side, (height, width), zero_point, steps)

    def _step(self, operator: Operator, conv: Conv, source: Spot, target: Spot) -> Step:
        step = Step(conv, {"image_src_addr": source, "image_dst_addr": target}, str(operator))
        self.steps.append(step)
        return step

    def _dense(self, x: Map) -> Spot:
        """Has the layers that compute a map copy it to main RAM."""
        if x.dense is None:
            pixels = x.side[0] * x.side[1]
            if not x.steps:  # the sum of two maps, whose layer knows nothing of pixels
                copy = Spot(Buffer("kpu", layout.lines(x.channels, *x.side)))
                conv = build(identity(x.channels), x.side, 0)
                x.steps = [Step(conv, {"image_src_addr": x.spot, "image_dst_addr": copy}, "copy to main RAM")]
                self.steps += x.steps
            x.dense = Spot(Buffer("main", x.channels * pixels))
            for number, step in enumerate(x.steps):
                step.layer.flags = 1
                step.spots["output"] = Spot(x.dense.buffer, x.channels // len(x.steps) * number * pixels)
        return x.dense

    def _frame(self, operator: Operator, x: Map) -> Map:
        """The map with zeros around what counts, which a 3x3 kernel is to see there."""
        if x.zero_point:
            raise refusal(
                operator, f"sees a map of {x.shown[0]}x{x.shown[1]} beyond its edge", "take a larger input"
            )
        if x.framed:
            return x
        picked = self._pick(self._dense(x), x.channels, x.side, x.shown, 1)
        framed = self._pick(picked, x.channels, x.shown, x.side, 1)
        return self._upload(x, framed, self._new(x.channels, x.side), x.side, x.shown)

    def _pick(self, spot: Spot, channels: int, side: Side, wanted: Side, stride: int) -> Spot:
        """Every other pixel, or all, of a map in main RAM, cut or filled with zeros to `wanted`."""
        layer = layers.QuantizedMaxPool(
            flags=1,
            in_width=side[1],
            in_height=side[0],
            in_channels=channels,
            out_width=wanted[1],
            out_height=wanted[0],
            out_channels=channels,
            kernel_width=1,
            kernel_height=1,
            stride_width=stride,
            stride_height=stride,
        )
        output = Spot(Buffer("main", channels * wanted[0] * wanted[1]))
        self.steps.append(Step(layer, {"input": spot, "output": output}, "pixels picked by the CPU"))
        return output

    def _upload(self, old: Map, spot: Spot, home: Spot, frame: Side, shown: Side) -> Map:
        """A map of main RAM in KPU RAM."""
        layer = layers.Upload(width=frame[1], height=frame[0], channels=old.channels)
        self.steps.append(Step(layer, {"input": spot, "line": home}, "upload"))
        return Map(home, old.channels, frame, shown, old.zero_point, [], framed=True, dense=spot)

    def _input(self, operator: Operator) -> Map:
        tensor = self.padding.source(operator.inputs[0])
        if tensor not in self.maps:
            raise refusal(operator, "takes no feature map", "put convolutions before the pooling")
        return self.maps[tensor]

    def _new(self, channels: int, side: Side) -> Spot:
        return Spot(Buffer("kpu", layout.lines(channels, *side)))

    def _home(self, tensor: int, channels: int, side: Side) -> Spot:
        """Where a tensor's map goes: next to its partner, if it has one."""
        if tensor not in self._pairs:
            return self._new(channels, side)
        buffer, second = self._pairs[tensor]
        size = layout.lines(channels, *side)
        buffer.size = 2 * size
        if channels % layout.groups(side[1]):
            name = self.graph.tensors[tensor].name
            raise refusal(
                self.graph.users(tensor)[-1], f"adds {name} of {channels} channels", "take multiples of 4"
            )
        return Spot(buffer, size if second else 0)

    def _partners(self) -> dict[int, tuple[Buffer, bool]]:
        """Operands of additions: their common buffer, and whether they are its second half."""
        order = [self.graph.input, *(one.output for one in self.graph.operators)]
        pairs: dict[int, tuple[Buffer, bool]] = {}
        for operator in self.graph.operators:
            if operator.kind == "ADD" and set(operator.inputs) <= set(order):
                buffer = Buffer("kpu", 0)
                for second, tensor in enumerate(sorted(operator.inputs, key=order.index)):
                    if tensor in pairs:
                        raise refusal(
                            operator, "adds what another layer adds, too", "give each its own input"
                        )
                    pairs[tensor] = buffer, bool(second)
        return pairs
