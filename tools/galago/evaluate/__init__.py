# SPDX-License-Identifier: MIT
"""How often a model is right: labelled photos through Keras, TensorFlow Lite Micro and a board.

    photos = evaluate.labelled(model, "photos/test")
    inputs, positions = evaluate.read_inputs(model, photos.paths)
    answers = evaluate.int8(model, inputs)                          # int8 [n, classes], as a board answers
    scores = evaluate.Scores.of(answers, photos.labels[positions])
    scores.accuracy, scores.interval

The board's side is in `galago.evaluate.on_board`.
"""

from galago.evaluate.answers import floats, int8, labelled, read_inputs, tflm_answers
from galago.evaluate.scores import ClassScore, Scores, wilson

__all__ = ["ClassScore", "Scores", "floats", "int8", "labelled", "read_inputs", "tflm_answers", "wilson"]
