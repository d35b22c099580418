# SPDX-License-Identifier: MIT
"""Runs TensorFlow Lite Micro on damaged files in a process of its own, because some of them crash it.

with Oracle() as oracle:
    crc = oracle.expected(model)  # CRC-32 of the output for on_board.py's input; None: refused or crashed
"""

import multiprocessing
import os
from binascii import crc32
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Self

import numpy as np

from galago.tflite import legacy, schema

NOISE = np.array([i * i * 7 + i // 251 * 13 + 5 & 255 for i in range(16384)], np.uint8)


# Versions of operators below these belong to models that were uint8.
_INT8 = {"AVERAGE_POOL_2D": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3}


def _comparable(model: bytes) -> bool:
    """Whether TFLM computes the model as TensorFlow Lite does.

    Its RELU6 does not rescale, and it takes what was uint8 for int8 and ignores the weights' zero points.
    """
    parsed = schema.parse(model)
    graph = parsed.subgraphs[0]

    def quantization(tensor: int) -> tuple[float, int]:
        scales, zero_points = schema.quantization(graph.tensors[tensor])
        return float(scales[0]), zero_points[0]

    for layer, operator in zip(schema.operators(parsed), graph.operators, strict=True):
        version = parsed.operatorCodes[operator.opcodeIndex].version
        if version < _INT8.get(layer.kind, 0):
            return False
        if layer.kind == "RELU6" and quantization(layer.inputs[0]) != quantization(layer.output):
            return False
    return not legacy.has_weight_zero_points(model)


def _serve(connection: Connection) -> None:
    from galago.tflite.tflm import Tflm

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # TFLM prints long error messages
    while True:
        try:
            model = connection.recv()
            oracle = Tflm(model)
            picture = np.resize(NOISE, oracle.input_shape).view(np.int8)
            answer = crc32(oracle.run(picture).tobytes()) if _comparable(model) else None
        except EOFError:
            return
        except Exception:  # how TFLM's Python wrapper fails does not matter
            answer = None
        connection.send(answer)


class Oracle:
    """The process, which is restarted after a crash."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._process: BaseProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the process."""
        if self._process:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None

    def expected(self, model: bytes) -> int | None:
        """Returns the CRC-32 of TFLM's output, or None if TFLM refused the file or crashed."""
        if not self._process:
            self._connection, other_end = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(other_end,), daemon=True)
            self._process.start()
            other_end.close()
        try:
            self._connection.send(model)
            if self._connection.poll(20):
                return self._connection.recv()
        except (EOFError, ConnectionError):
            pass
        self.close()
        return None
