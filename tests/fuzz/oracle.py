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

from galago.tflite import schema

NOISE = np.array([i * i * 7 + i // 251 * 13 + 5 & 255 for i in range(16384)], np.uint8)


def _comparable(model: bytes) -> bool:
    """Whether TFLM computes the model as TensorFlow Lite does: its RELU6 does not rescale."""
    parsed = schema.parse(model)
    tensors = parsed.subgraphs[0].tensors

    def quantization(tensor: int) -> tuple[float, int]:
        scales, zero_points = schema.quantization(tensors[tensor])
        return float(scales[0]), zero_points[0]

    layers = [layer for layer in schema.operators(parsed) if layer.kind == "RELU6"]
    return all(quantization(layer.inputs[0]) == quantization(layer.output) for layer in layers)


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
