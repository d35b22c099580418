# SPDX-License-Identifier: MIT
"""A feature map as one vector for each position, for a dense layer that is applied to each (Edge Impulse's).

    for vector in position_vectors(extractor, feature_map, name): ...       # uint8 [channels] in main RAM

Maps have their channels first, and the KPU 1024 of them at most, so the CPU transposes the map. It can do
that with floats alone, which hold bytes exactly.
"""

from galago.targets.k210 import cpu_layers
from galago.targets.k210.layer import KmodelLayer
from galago.targets.k210.lowering.feature_extractor import FeatureExtractor, FeatureMap
from galago.targets.k210.memory_plan import Buffer, Location, LoweredLayer


def position_vectors(extractor: FeatureExtractor, x: FeatureMap, name: str) -> list[Location]:
    """Appends the layers that copy a map to main RAM and transpose it.

    Returns where each position's vector is, in the order of TFLite's rows and columns.
    """
    (height, width), channels = x.valid, x.channels
    count = height * width * channels

    def append(layer: KmodelLayer, source: Location, size: int) -> Location:
        layer.flags = 1
        output = Location(Buffer("main", size))
        extractor.layers.append(LoweredLayer(layer, {"input": source, "output": output}, name))
        return output

    pixels = extractor.to_main(x)
    floats = append(cpu_layers.Dequantize(count=count, scale=1.0), pixels, 4 * count)
    transpose = cpu_layers.Flatten(width=width, height=height, channels=channels)
    floats = append(transpose, floats, 4 * count)
    vectors = append(cpu_layers.Quantize(count=count, scale=1.0), floats, count)
    places = [Location(vectors.buffer, at) for at in range(0, count, channels)]
    return places[::-1] if extractor.padding.rotated else places
