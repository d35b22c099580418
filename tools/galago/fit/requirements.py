# SPDX-License-Identifier: MIT
"""What a model needs on every board, taken from its model directory.

requirements = Requirements.of(models.find("everyday-v1-025-96"))
smaller = requirements.for_variant(Variant("mobilenet_v1", 0.25, 64, (20,)))
"""

from dataclasses import dataclass, field, replace

from galago.fit.network import Network
from galago.fit.variants import V1_BLOCKS, Variant
from galago.imagenet import ALPHAS
from galago.models import ModelDirectory


@dataclass(frozen=True)
class Requirements:
    """What a model needs, whatever the board. Sizes in bytes."""

    name: str
    network: Network
    contract: int
    """Size of model.json."""
    width: int
    """Input width in pixels."""
    labels: int
    """Total size of the labels' text."""
    classes: int
    """Number of classes."""
    variant: Variant | None
    """The MobileNet that it is, or None for another network."""
    model: ModelDirectory | None = field(default=None, repr=False, compare=False)
    """The model itself; None for one that is only described."""

    @classmethod
    def of(cls, model: ModelDirectory) -> "Requirements":
        """The requirements of a model.

        Raises GalagoError model.malformed, model.operator or model.quantization, as a board would.
        """
        network = Network.of_model(model.tflite.read_bytes())
        return cls(
            name=model.name,
            network=network,
            contract=(model.path / "model.json").stat().st_size,
            width=model.input_shape[1],
            labels=sum(len(label.encode()) for label in model.labels),
            classes=len(model.labels),
            variant=_variant(model, network.dense),
            model=model,
        )

    def for_variant(self, variant: Variant) -> "Requirements":
        """The requirements of another MobileNet, whose labels are as long as these on average."""
        network, classes = Network.of_variant(variant), variant.outputs[-1]
        labels = self.labels if classes == self.classes else round(self.labels / self.classes * classes)
        values = {"network": network, "width": variant.size, "variant": variant}
        return replace(self, name=variant.name, model=None, classes=classes, labels=labels, **values)


def _variant(model: ModelDirectory, dense: tuple[int, ...]) -> Variant | None:
    height, width, channels = model.input_shape
    architecture, alpha = model.contract.get("architecture"), model.contract.get("alpha")
    if not isinstance(architecture, str) or architecture not in ALPHAS or height != width or not dense:
        return None
    if not isinstance(alpha, int | float) or not 0 < alpha <= 4:
        return None
    blocks = model.contract.get("blocks", 0)
    if type(blocks) is not int or not 0 <= blocks <= V1_BLOCKS:
        return None
    return Variant(architecture, alpha, width, dense, channels, blocks)
