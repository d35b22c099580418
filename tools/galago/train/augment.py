# SPDX-License-Identifier: MIT
"""Photos as a small camera might see them, as Keras layers: view, colour, blur, noise, RGB565.

    pictures = keras.Input((134, 134, 3), dtype="uint8")
    seen = augmenter(recipe.augment, size=96, seeds=seeds)(pictures)     # float32 (pixel - 128) / 128

All draw from one keras.random.SeedGenerator; setting its state before an epoch makes that epoch repeatable.
"""

import math
from typing import Any

from galago import lazy_tensorflow
from galago.train.recipe import Augment

_BINOMIAL = ((1, 2, 1), (2, 4, 2), (1, 2, 1))  # / 16, a soft blur
# Luma and two colour differences (YIQ), in which a turn of the last two is a change of hue.
_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def augmenter(how: Augment, size: int, seeds: Any) -> Any:
    """A Keras model from uint8 [n, side, side, 3] to float32 [n, size, size, 3] in (pixel - 128) / 128."""
    keras = lazy_tensorflow.keras()
    layers = _layers()
    return keras.Sequential(
        [
            layers["view"](how, size, seeds),
            layers["colour"](how, seeds),
            layers["blur"](how.blur, seeds),
            layers["sensor"](how, seeds),
            keras.layers.Rescaling(1 / 128, offset=-1, dtype="float32"),
        ],
        name="augment",
    )


def _layers() -> dict[str, Any]:
    # Inside a function: Keras is imported only where something is trained.
    tf, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    ops = keras.ops

    class Drawing(keras.layers.Layer):
        """A layer that draws a number per picture."""

        def __init__(self, seeds: Any) -> None:
            super().__init__(trainable=False, dtype="float32", autocast=False)
            self.seeds = seeds

        def draw(self, pictures: Any, low: float, high: float, *shape: int) -> Any:
            return keras.random.uniform((ops.shape(pictures)[0], *shape), low, high, seed=self.seeds)

    class RandomView(Drawing):
        """A random part of each picture, perhaps mirrored, resized to the network's input."""

        def __init__(self, how: Augment, size: int, seeds: Any) -> None:
            super().__init__(seeds)
            self.how, self.size = how, size

        def call(self, pictures: Any) -> Any:
            area = self.draw(pictures, *self.how.area)
            bound = math.log(self.how.aspect)
            aspect = ops.exp(self.draw(pictures, -bound, bound)) if bound else 1.0
            high = ops.minimum(ops.sqrt(area / aspect), 1.0)
            wide = ops.minimum(ops.sqrt(area * aspect), 1.0)
            top, left = self.draw(pictures, 0, 1) * (1 - high), self.draw(pictures, 0, 1) * (1 - wide)
            right = left + wide
            if self.how.mirror:
                turned = self.draw(pictures, 0, 1) < 0.5
                left, right = ops.where(turned, right, left), ops.where(turned, left, right)
            boxes = ops.stack([top, left, top + high, right], axis=1)
            count = ops.arange(ops.shape(pictures)[0])
            return tf.image.crop_and_resize(pictures, boxes, count, (self.size, self.size))

    class RandomColour(Drawing):
        """Brightness, contrast, saturation, hue and white balance."""

        def __init__(self, how: Augment, seeds: Any) -> None:
            super().__init__(seeds)
            self.how = how

        def call(self, pixels: Any) -> Any:
            how = self.how
            turn = self.draw(pixels, -how.hue, how.hue, 1, 1) * (2 * math.pi)
            size = self.draw(pixels, 1 - how.saturation, 1 + how.saturation, 1, 1)
            c, s, one, none = size * ops.cos(turn), size * ops.sin(turn), ops.ones_like(turn), 0 * turn
            rows = [[one, none, none], [none, c, -s], [none, s, c]]
            middle = ops.concatenate([ops.concatenate(row, axis=2) for row in rows], axis=1)
            forth = ops.convert_to_tensor(_YIQ, "float32")
            matrix = ops.matmul(ops.matmul(ops.inv(forth), middle), forth)
            gain = self.draw(pixels, 1 - how.gain, 1 + how.gain, 3, 1)
            flat = ops.reshape(pixels, (-1, pixels.shape[1] * pixels.shape[2], 3))
            turned = ops.matmul(flat, ops.transpose(matrix * gain, (0, 2, 1)))
            mean = ops.mean(turned, axis=(1, 2), keepdims=True)
            contrast = self.draw(pixels, 1 - how.contrast, 1 + how.contrast, 1, 1)
            shift = self.draw(pixels, -how.brightness, how.brightness, 1, 1) * 128
            turned = mean + (turned - mean) * contrast + shift
            return ops.clip(ops.reshape(turned, ops.shape(pixels)), 0.0, 255.0)

    class RandomBlur(Drawing):
        """Some pictures a little out of focus."""

        def __init__(self, share: float, seeds: Any) -> None:
            super().__init__(seeds)
            self.share = share

        def call(self, pixels: Any) -> Any:
            kernel = ops.convert_to_tensor(_BINOMIAL, "float32") / 16
            kernel = ops.tile(kernel[:, :, None, None], (1, 1, 3, 1))
            soft = ops.depthwise_conv(pixels, kernel, padding="same")
            blurred = ops.cast(self.draw(pixels, 0, 1, 1, 1, 1) < self.share, "float32")
            return pixels + (soft - pixels) * blurred * self.draw(pixels, 0, 1, 1, 1, 1)

    class Sensor(Drawing):
        """Noise, and for some pictures the 5, 6 and 5 bits that small cameras give."""

        def __init__(self, how: Augment, seeds: Any) -> None:
            super().__init__(seeds)
            self.how = how

        def call(self, pixels: Any) -> Any:
            noise = keras.random.normal(ops.shape(pixels), seed=self.seeds)
            pixels = pixels + noise * self.draw(pixels, 0, 255 * self.how.noise, 1, 1, 1)
            steps = ops.convert_to_tensor([8.0, 4.0, 8.0])
            coarse = ops.floor(pixels / steps) * steps * (255 / (256 - steps))
            small = self.draw(pixels, 0, 1, 1, 1, 1) < self.how.rgb565
            return ops.clip(ops.round(ops.where(small, coarse, pixels)), 0.0, 255.0)

    return {"view": RandomView, "colour": RandomColour, "blur": RandomBlur, "sensor": Sensor}
