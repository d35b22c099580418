# SPDX-License-Identifier: MIT
"""TensorFlow Lite Micro on damaged files, in a process of its own: on some of them it ends the process.

with Oracle() as oracle:
    crc = oracle.wanted(model)  # of the output for the input that on_board.py gives; None: it refused or fell
"""

import multiprocessing
import os
from binascii import crc32
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Self

import numpy as np

NOISE = np.array([i * i * 7 + i // 251 * 13 + 5 & 255 for i in range(16384)], np.uint8)


def _serve(connection: Connection) -> None:
    from galago.tflite.tflm import Tflm

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # TFLM says at length what it does not like
    while True:
        try:
            oracle = Tflm(connection.recv())
            picture = np.resize(NOISE, oracle.input_shape).view(np.int8)
            answer = crc32(oracle.run(picture).tobytes())
        except EOFError:
            return
        except Exception:  # what its wrapper in Python says to damaged files is not the question
            answer = None
        connection.send(answer)


class Oracle:
    """The process, started anew when it fell."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._process: BaseProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process."""
        if self._process:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None

    def wanted(self, model: bytes) -> int | None:
        """The CRC-32 of TFLM's output."""
        if not self._process:
            self._connection, there = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(there,), daemon=True)
            self._process.start()
            there.close()
        try:
            self._connection.send(model)
            if self._connection.poll(20):
                return self._connection.recv()
        except (EOFError, ConnectionError):
            pass
        self.close()
        return None
