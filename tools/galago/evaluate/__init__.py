# SPDX-License-Identifier: MIT
"""Measures how often a model is right, in float (Keras), in int8 (TensorFlow Lite Micro) and on a board.

    photos = evaluate.labelled(model, "photos/test")
    inputs, positions = evaluate.read_inputs(model, photos.paths)
    answers = evaluate.int8(model, inputs)                          # int8 [n, classes], as a board answers
    scores = evaluate.Scores.of(answers, photos.labels[positions])
    scores.accuracy, scores.interval

answers       photos and inputs; the answers of float and int8
comparison    board or web beside int8
agreement     how far ranked answers agree with int8's
on_board      the answers of a board, and where they differ from int8's
on_web        the same of an exported page's code
scores        accuracy, confusion, reliability
"""

from galago.evaluate.answers import floats, int8, labelled, read_inputs, tflm_answers
from galago.evaluate.scores import ClassScore, Scores, wilson

__all__ = ["ClassScore", "Scores", "floats", "int8", "labelled", "read_inputs", "tflm_answers", "wilson"]
