# SPDX-License-Identifier: MIT
"""From a model's int8 outputs to the probabilities of its classes, as mobilenet.ranking on the board.

    probabilities = scores.probabilities(contract, outputs)     # int8 [n, outputs] → float [n, classes]

`output.activation` of the contract says what the outputs are:

softmax    probabilities, one for each class
sigmoid    probabilities that do not add up to 1; a single output is that of the second of two classes
logits     numbers that a softmax turns into probabilities; a single output needs a sigmoid
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from galago.tflite.arithmetic import softmax


def probabilities(contract: dict[str, Any], outputs: npt.NDArray[np.int8]) -> npt.NDArray[np.floating]:
    """The probability of each class, float64 [n, classes], for int8 outputs [n, outputs]."""
    output = contract["output"]
    values = (outputs.astype(np.float64) - output["zero_point"]) * output["scale"]
    if output["activation"] == "logits":
        values = softmax(values) if values.shape[1] > 1 else 1 / (1 + np.exp(-values))
    if values.shape[1] == 1:
        return np.concatenate([1 - values, values], axis=1)
    return values
