# SPDX-License-Identifier: MIT
"""Lowers the feature extractor to the KPU: convolutions and additions of feature maps.

    extractor = FeatureExtractor(graph, padding)
    extractor.convolve(operator) ...            # appends to extractor.layers, in order
    extractor.maps[tensor]                      # the feature map of a tensor

A KPU layer computes at full resolution and drops pixels afterwards. So a depthwise layer of stride 2 runs at
stride 1, and the 1x1 layer after it drops three pixels of four: the two operations commute.
"""

from dataclasses import dataclass

import numpy as np

from galago.targets.k210 import cpu_layers, kpu_ram
from galago.targets.k210.kpu_conv import KpuConv
from galago.targets.k210.lowering.addition import addition_kernel
from galago.targets.k210.lowering.convolution import (
    CHANNEL_ALIGNMENT,
    INT8_OFFSET,
    KEEP_TOP_LEFT,
    MAX_CHANNELS,
    QuantizedKernel,
    build_conv,
    check_weight_loads,
    identity_kernel,
    part_count,
    unsupported,
)
from galago.targets.k210.lowering.padding import Padding
from galago.targets.k210.memory_plan import Buffer, Location, LoweredLayer
from galago.tflite.graph import Graph, Operator

MIN_SIZE = 4  # pixels: no public file has a smaller map in KPU RAM
SLICE_CHANNELS = 24  # of a map that is sliced to fit KPU RAM; halving a slice costs its channels squared

Size = tuple[int, int]  # height and width


@dataclass
class FeatureMap:
    """A feature map in KPU RAM. If it is smaller than 4x4, only the top left `valid` of `size` counts."""

    location: Location
    channels: int
    size: Size
    valid: Size
    zero_point: int  # uint8
    layers: list[LoweredLayer]  # that compute it: several if its channels are split
    strided: bool = False  # three pixels of four are still to be dropped
    zero_margin: bool = False  # pixels outside `valid` are 0
    main_copy: Location | None = None  # the same map in main RAM, if there is one


class FeatureExtractor:
    """Takes operators in order.

    Raises GalagoError model.operator, with the layer's name, if the KPU cannot run it.
    """

    def __init__(self, graph: Graph, padding: Padding) -> None:
        self.graph = graph
        self.padding = padding
        self.layers: list[LoweredLayer] = []
        height, width, channels = graph.tensors[graph.input].shape[1:]
        self._addends = self._find_addends()
        self._already_lowered: set[int] = set()
        self.maps = {
            graph.input: FeatureMap(
                self._allocate(graph.input, channels, (height, width)),
                channels,
                (height, width),
                (height, width),
                graph.tensors[graph.input].zero_point + INT8_OFFSET,
                [],
            )
        }

    def convolve(self, operator: Operator) -> None:
        """Lowers CONV_2D or DEPTHWISE_CONV_2D."""
        if operator.number in self._already_lowered:
            return
        x = self._input(operator)
        kernel = QuantizedKernel.of(self.graph, operator)
        if self.padding.rotated:
            kernel = kernel.rotated()
        stride = operator.options.strideH
        if kernel.weights.shape[2] == 3 and x.strided:
            raise unsupported(operator, "follows a depthwise layer of stride 2", "only a 1x1 layer may")
        if stride == 2 and x.size != x.valid:
            raise unsupported(operator, f"halves a map of {x.valid[0]}x{x.valid[1]}", "use a larger input")
        if kernel.weights.shape[2] == 3 and x.size != x.valid:
            x = self._with_zero_margin(operator, x)
        if slices := self._slice_count(operator, kernel, x):
            self._convolve_in_slices(operator, kernel, x, slices)
            return
        halve = x.strided or (stride == 2 and not kernel.depthwise)
        self._convolve(operator, kernel, x, halve)
        self.maps[operator.output].strided = stride == 2 and kernel.depthwise

    def add(self, operator: Operator) -> None:
        """Lowers ADD of two adjacent maps: a 1x1 convolution of their lines as they are.

        Every byte is treated alike, so it does not matter which pixel of which channel it is: the layer reads
        the lines as few channels of the largest possible maps.
        """
        if len(set(operator.inputs)) != 2 or not set(operator.inputs) <= set(self.maps):
            raise unsupported(operator, "does not add two feature maps", "use MobileNet's residual additions")
        a, b = (self.maps[i] for i in operator.inputs)
        if a.size != b.size or a.channels != b.channels or a.strided or b.strided:
            raise unsupported(operator, "adds maps of two shapes", "use MobileNet's residual additions")
        first = min(operator.inputs, key=list(self.maps).index)
        lines = kpu_ram.lines(a.channels, *a.size)
        channels, size = kpu_ram.fewest_channels(lines)
        if channels > MAX_CHANNELS // 2 or size[0] < MIN_SIZE:
            raise unsupported(operator, f"adds {lines} lines, which do not divide", "use another input size")
        kernel = addition_kernel(self.graph, operator, channels)
        if first != operator.inputs[0]:
            kernel.weights = np.roll(kernel.weights, channels, axis=1)
        location = self._allocate(operator.output, a.channels, a.size)
        self._append_conv(operator, build_conv(kernel, size, 0), self.maps[first].location, location)
        zero_point = kernel.requantization.zero_point
        self.maps[operator.output] = FeatureMap(location, a.channels, a.size, a.valid, zero_point, [])

    def to_main(self, x: FeatureMap) -> Location:
        """Copies a map to main RAM, as bytes [channels, height, width] of its valid pixels. Returns where."""
        location = self._copy_to_main(x)
        return location if x.size == x.valid else self._resample(location, x.channels, x.size, x.valid, 1)

    def upload_3x3(self, location: Location, channels: int) -> Location:
        """Copies 3x3 maps in main RAM to the top left of 4x4 maps in KPU RAM. Returns where."""
        size = MIN_SIZE, MIN_SIZE
        padded, line = self._resample(location, channels, (3, 3), size, 1), self._new_map(channels, size)
        layer = cpu_layers.Upload(width=size[1], height=size[0], channels=channels)
        self.layers.append(LoweredLayer(layer, {"input": padded, "line": line}, "upload"))
        return line

    def _convolve(self, operator: Operator, kernel: QuantizedKernel, x: FeatureMap, halve: bool) -> None:
        size = (x.size[0] // 2, x.size[1] // 2) if halve else x.size
        if min(size) >= MIN_SIZE:
            self._append_parts(operator, kernel, x, KEEP_TOP_LEFT if halve else 0, size)
            return
        # The KPU cannot hold the halved map: the CPU drops its pixels.
        self._append_parts(operator, kernel, x, 0, x.size, final=False)
        whole = self.maps[operator.output]
        padded_size = max(size[0], MIN_SIZE), max(size[1], MIN_SIZE)
        halved = self._resample(self._copy_to_main(whole), whole.channels, x.size, padded_size, 2)
        target = self._allocate(operator.output, whole.channels, padded_size)
        self.maps[operator.output] = self._upload(whole, halved, target, padded_size, size)

    def _convolve_in_slices(
        self, operator: Operator, kernel: QuantizedKernel, x: FeatureMap, slices: int
    ) -> None:
        """Lowers an expansion and its depthwise layer of stride 2, some channels at a time."""
        (second,) = self.graph.users(operator.output)
        depthwise = QuantizedKernel.of(self.graph, second)
        if self.padding.rotated:
            depthwise = depthwise.rotated()
        channels, half = len(kernel.weights), (x.size[0] // 2, x.size[1] // 2)
        width = channels // slices
        location = self._allocate(second.output, channels, half)
        layers = []
        for start in range(0, channels, width):
            stages = (
                (kernel, x.zero_point),
                (depthwise, kernel.requantization.zero_point),
                (identity_kernel(width), 0),
            )
            source = x.location
            for number, (part, zero_point) in enumerate(stages):
                last = number == 2
                part = part if last else part.outputs(start, start + width)
                conv = build_conv(part, x.size, zero_point, KEEP_TOP_LEFT if last else 0)
                target = Location(Buffer("kpu", kpu_ram.lines(width, *x.size)))
                if last:
                    target = Location(location.buffer, location.offset + kpu_ram.lines(start, *half))
                layers.append(self._append_conv(second if number else operator, conv, source, target))
                source = target
        self._already_lowered.add(second.number)
        zero_point = depthwise.requantization.zero_point
        self.maps[second.output] = FeatureMap(location, channels, half, half, zero_point, layers[-1:])

    def _slice_count(self, operator: Operator, kernel: QuantizedKernel, x: FeatureMap) -> int:
        """Returns into how many slices an expansion is cut so that its depthwise layer fits; 0 for none."""
        users = self.graph.users(operator.output)
        channels, whole = len(kernel.weights), kpu_ram.lines(len(kernel.weights), *x.size)
        if kernel.weights.shape[2] != 1 or x.strided or 2 * whole <= kpu_ram.LINES or len(users) != 1:
            return 0
        if users[0].kind != "DEPTHWISE_CONV_2D" or users[0].options.strideH != 2:
            return 0
        half = (x.size[0] // 2, x.size[1] // 2)
        free = kpu_ram.LINES - kpu_ram.lines(x.channels, *x.size) - kpu_ram.lines(channels, *half)
        shared = kpu_ram.channels_per_line(half[1])
        for slices in range(2, channels // shared + 1):
            fits = channels % (slices * shared) == 0 and 2 * whole <= free * slices
            if fits and channels <= slices * SLICE_CHANNELS:
                return slices
        return 0

    def _append_parts(
        self,
        operator: Operator,
        kernel: QuantizedKernel,
        x: FeatureMap,
        pool: int,
        size: Size,
        final: bool = True,
    ) -> None:
        """Appends one KPU layer, or several of some output channels each.

        `size` is that of the output. `final` says whether the output is the operator's result, or is still to
        be changed by the CPU.
        """
        channels = len(kernel.weights)
        count = part_count(kernel)
        if kernel.weights.shape[1] > MAX_CHANNELS or (count > 1 and channels % (CHANNEL_ALIGNMENT * count)):
            raise unsupported(operator, f"has {channels} channels", "use a smaller alpha")
        location = self._allocate(operator.output, channels, size) if final else self._new_map(channels, size)
        layers = []
        for start in range(0, channels, channels // count):
            part = kernel.outputs(start, start + channels // count) if count > 1 else kernel
            conv = build_conv(part, x.size, x.zero_point if kernel.weights_zero else 0, pool)
            check_weight_loads(operator, conv)
            first = kpu_ram.lines(start, *x.size) if kernel.depthwise else 0
            source = Location(x.location.buffer, x.location.offset + first)
            target = Location(location.buffer, location.offset + kpu_ram.lines(start, *size))
            layers.append(self._append_conv(operator, conv, source, target))
        height, width = self.graph.tensors[operator.output].shape[1:3]
        zero_point = kernel.requantization.zero_point
        self.maps[operator.output] = FeatureMap(location, channels, size, (height, width), zero_point, layers)

    def _append_conv(
        self, operator: Operator, conv: KpuConv, source: Location, target: Location
    ) -> LoweredLayer:
        lowered = LoweredLayer(conv, {"image_src_addr": source, "image_dst_addr": target}, str(operator))
        self.layers.append(lowered)
        return lowered

    def _copy_to_main(self, x: FeatureMap) -> Location:
        """Makes the layers that compute a map copy all of it to main RAM. Returns where."""
        if x.main_copy is None:
            pixels = x.size[0] * x.size[1]
            if not x.layers:  # computed by an addition, whose layer does not know the map's shape
                copy = Location(Buffer("kpu", kpu_ram.lines(x.channels, *x.size)))
                conv = build_conv(identity_kernel(x.channels), x.size, 0)
                locations = {"image_src_addr": x.location, "image_dst_addr": copy}
                x.layers = [LoweredLayer(conv, locations, "copy to main RAM")]
                self.layers += x.layers
            x.main_copy = Location(Buffer("main", x.channels * pixels))
            for number, lowered in enumerate(x.layers):
                lowered.layer.flags = 1
                offset = x.channels // len(x.layers) * number * pixels
                lowered.locations["output"] = Location(x.main_copy.buffer, offset)
        return x.main_copy

    def _with_zero_margin(self, operator: Operator, x: FeatureMap) -> FeatureMap:
        """Returns a copy of the map with zeros around its valid pixels, for a 3x3 kernel."""
        if x.zero_point:
            raise unsupported(
                operator,
                f"reads a map of {x.valid[0]}x{x.valid[1]} beyond its edge",
                "use a larger input",
            )
        if x.zero_margin:
            return x
        cropped = self._resample(self._copy_to_main(x), x.channels, x.size, x.valid, 1)
        padded = self._resample(cropped, x.channels, x.valid, x.size, 1)
        return self._upload(x, padded, self._new_map(x.channels, x.size), x.size, x.valid)

    def _resample(
        self, location: Location, channels: int, size: Size, new_size: Size, stride: int
    ) -> Location:
        """Makes the CPU take every `stride`-th pixel of a map in main RAM, cropped or padded to `new_size`.

        It is a max pool with a window of one pixel. Returns where the result is.
        """
        layer = cpu_layers.QuantizedMaxPool(
            flags=1,
            in_width=size[1],
            in_height=size[0],
            in_channels=channels,
            out_width=new_size[1],
            out_height=new_size[0],
            out_channels=channels,
            kernel_width=1,
            kernel_height=1,
            stride_width=stride,
            stride_height=stride,
        )
        output = Location(Buffer("main", channels * new_size[0] * new_size[1]))
        self.layers.append(
            LoweredLayer(layer, {"input": location, "output": output}, "pixels picked by the CPU")
        )
        return output

    def _upload(
        self, old: FeatureMap, source: Location, target: Location, size: Size, valid: Size
    ) -> FeatureMap:
        """Copies a map from main RAM to KPU RAM."""
        layer = cpu_layers.Upload(width=size[1], height=size[0], channels=old.channels)
        self.layers.append(LoweredLayer(layer, {"input": source, "line": target}, "upload"))
        return FeatureMap(
            target, old.channels, size, valid, old.zero_point, [], zero_margin=True, main_copy=source
        )

    def _input(self, operator: Operator) -> FeatureMap:
        tensor = self.padding.source(operator.inputs[0])
        if tensor not in self.maps:
            raise unsupported(operator, "does not read a feature map", "put convolutions before the pooling")
        return self.maps[tensor]

    def _new_map(self, channels: int, size: Size) -> Location:
        return Location(Buffer("kpu", kpu_ram.lines(channels, *size)))

    def _allocate(self, tensor: int, channels: int, size: Size) -> Location:
        """Returns the location of a tensor's map: next to the other operand, if the tensor is added."""
        if tensor not in self._addends:
            return self._new_map(channels, size)
        buffer, is_second = self._addends[tensor]
        lines = kpu_ram.lines(channels, *size)
        buffer.size = 2 * lines
        if channels % kpu_ram.channels_per_line(size[1]):
            name = self.graph.tensors[tensor].name
            raise unsupported(
                self.graph.users(tensor)[-1], f"adds {name} of {channels} channels", "use multiples of 4"
            )
        return Location(buffer, lines if is_second else 0)

    def _find_addends(self) -> dict[int, tuple[Buffer, bool]]:
        """Returns for each operand of an ADD the buffer of both, and whether it is the second half."""
        order = [self.graph.input, *(one.output for one in self.graph.operators)]
        addends: dict[int, tuple[Buffer, bool]] = {}
        for operator in self.graph.operators:
            if operator.kind == "ADD" and set(operator.inputs) <= set(order):
                buffer = Buffer("kpu", 0)
                for position, tensor in enumerate(sorted(operator.inputs, key=order.index)):
                    if tensor in addends:
                        raise unsupported(
                            operator, "adds an operand of another addition", "give each its own input"
                        )
                    addends[tensor] = buffer, bool(position)
        return addends
