# SPDX-License-Identifier: MIT
"""Data augmentation as Keras layers: photos as a small camera might see them.

    pictures = keras.Input((134, 134, 3), dtype="uint8")
    augmented = augmenter(recipe.augment, size=96, seeds=seeds)(pictures)     # float32 (pixel - 128) / 128

All layers draw from one keras.random.SeedGenerator; setting its state before an epoch makes the epoch
repeatable.
"""

import math
from typing import Any

from galago import lazy_tensorflow
from galago.train.recipe import Augment

# From RGB to YIQ, luma and two colour differences: rotating the latter changes the hue.
_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def augmenter(settings: Augment, size: int, seeds: Any) -> Any:
    """Returns a Keras model from uint8 [n, side, side, 3] to float32 [n, size, size, 3], (pixel - 128) / 128.

    `seeds` is a keras.random.SeedGenerator.
    """
    keras = lazy_tensorflow.keras()
    layers = _layers()
    return keras.Sequential(
        [
            layers["view"](settings, size, seeds),
            layers["colour"](settings, seeds),
            layers["blur"](settings.blur, seeds),
            layers["sensor"](settings, seeds),
            keras.layers.Rescaling(1 / 128, offset=-1, dtype="float32"),
        ],
        name="augment",
    )


def _layers() -> dict[str, Any]:
    # Defined inside a function, so that importing this module does not import Keras.
    tf, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    ops = keras.ops

    class RandomLayer(keras.layers.Layer):
        """A layer that draws random numbers for each picture."""

        def __init__(self, seeds: Any) -> None:
            super().__init__(trainable=False, dtype="float32", autocast=False)
            self.seeds = seeds

        def draw(self, pictures: Any, low: float, high: float, *shape: int) -> Any:
            return keras.random.uniform((ops.shape(pictures)[0], *shape), low, high, seed=self.seeds)

    class RandomView(RandomLayer):
        """Crops a random part of each picture, mirrors some, and resizes all to the network's input."""

        def __init__(self, settings: Augment, size: int, seeds: Any) -> None:
            super().__init__(seeds)
            self.settings, self.size = settings, size

        def call(self, pictures: Any) -> Any:
            area = self.draw(pictures, *self.settings.area)
            bound = math.log(self.settings.aspect)
            aspect = ops.exp(self.draw(pictures, -bound, bound)) if bound else 1.0
            height = ops.minimum(ops.sqrt(area / aspect), 1.0)
            width = ops.minimum(ops.sqrt(area * aspect), 1.0)
            top, left = self.draw(pictures, 0, 1) * (1 - height), self.draw(pictures, 0, 1) * (1 - width)
            right = left + width
            if self.settings.mirror:
                mirrored = self.draw(pictures, 0, 1) < 0.5
                left, right = ops.where(mirrored, right, left), ops.where(mirrored, left, right)
            boxes = ops.stack([top, left, top + height, right], axis=1)
            count = ops.arange(ops.shape(pictures)[0])
            return tf.image.crop_and_resize(pictures, boxes, count, (self.size, self.size))

    class RandomColour(RandomLayer):
        """Changes brightness, contrast, saturation, hue and white balance."""

        def __init__(self, settings: Augment, seeds: Any) -> None:
            super().__init__(seeds)
            self.settings = settings

        def call(self, pixels: Any) -> Any:
            settings = self.settings
            angle = self.draw(pixels, -settings.hue, settings.hue, 1, 1) * (2 * math.pi)
            saturation = self.draw(pixels, 1 - settings.saturation, 1 + settings.saturation, 1, 1)
            c, s = saturation * ops.cos(angle), saturation * ops.sin(angle)
            one, zero = ops.ones_like(angle), 0 * angle
            rows = [[one, zero, zero], [zero, c, -s], [zero, s, c]]
            rotation = ops.concatenate([ops.concatenate(row, axis=2) for row in rows], axis=1)
            to_yiq = ops.convert_to_tensor(_YIQ, "float32")
            matrix = ops.matmul(ops.matmul(ops.inv(to_yiq), rotation), to_yiq)
            gain = self.draw(pixels, 1 - settings.gain, 1 + settings.gain, 3, 1)
            flat = ops.reshape(pixels, (-1, pixels.shape[1] * pixels.shape[2], 3))
            recoloured = ops.matmul(flat, ops.transpose(matrix * gain, (0, 2, 1)))
            mean = ops.mean(recoloured, axis=(1, 2), keepdims=True)
            contrast = self.draw(pixels, 1 - settings.contrast, 1 + settings.contrast, 1, 1)
            shift = self.draw(pixels, -settings.brightness, settings.brightness, 1, 1) * 128
            recoloured = mean + (recoloured - mean) * contrast + shift
            return ops.clip(ops.reshape(recoloured, ops.shape(pixels)), 0.0, 255.0)

    class RandomBlur(RandomLayer):
        """Blurs some of the pictures a little, as if out of focus."""

        def __init__(self, share: float, seeds: Any) -> None:
            super().__init__(seeds)
            self.share = share

        def call(self, pixels: Any) -> Any:
            # A convolution with 1 2 1 in both directions; as sums it takes half the time.
            rows = ops.pad(pixels, ((0, 0), (1, 1), (0, 0), (0, 0)))
            rows = rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]
            both = ops.pad(rows, ((0, 0), (0, 0), (1, 1), (0, 0)))
            soft = (both[:, :, :-2] + 2 * both[:, :, 1:-1] + both[:, :, 2:]) / 16
            blurred = ops.cast(self.draw(pixels, 0, 1, 1, 1, 1) < self.share, "float32")
            return pixels + (soft - pixels) * blurred * self.draw(pixels, 0, 1, 1, 1, 1)

    class Sensor(RandomLayer):
        """Adds noise, and reduces some pictures to RGB565, the 5, 6 and 5 bits of small cameras."""

        def __init__(self, settings: Augment, seeds: Any) -> None:
            super().__init__(seeds)
            self.settings = settings

        def call(self, pixels: Any) -> Any:
            noise = keras.random.normal(ops.shape(pixels), seed=self.seeds)
            pixels = pixels + noise * self.draw(pixels, 0, 255 * self.settings.noise, 1, 1, 1)
            steps = ops.convert_to_tensor([8.0, 4.0, 8.0])
            coarse = ops.floor(pixels / steps) * steps * (255 / (256 - steps))
            reduced = self.draw(pixels, 0, 1, 1, 1, 1) < self.settings.rgb565
            return ops.clip(ops.round(ops.where(reduced, coarse, pixels)), 0.0, 255.0)

    return {"view": RandomView, "colour": RandomColour, "blur": RandomBlur, "sensor": Sensor}
