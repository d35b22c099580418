# SPDX-License-Identifier: MIT
# ruff: noqa: SIM110, UP031
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The fuzzer's part on the real MicroPython interpreter: loads and runs what comes in, and watches memory.

First comes a line with the size of the largest file. Each request is a line with a size, and the file; each
answer is one line, which begins with the bytes of heap in use:

    ok MACS ARENA CRC               loaded, ran twice with one result: the CRC-32 of the output
    long MACS ARENA                 loaded, and too long to run here
    CODE MESSAGE                    a GalagoError
    fault TEXT                      anything else

Every buffer that the engine allocates, and the file, lie between guards. These have other contents in the
second run: a kernel that reads beyond its buffers gives another result, and one that writes there is seen.
"""

import builtins
import gc
import sys
from binascii import crc32

from micropython import const
from mobilenet import GalagoError
from mobilenet.tflite import Interpreter

GUARD = const(2048)
LONG = const(100_000_000)  # multiplications that take too long to run them here
FIRST, SECOND = b"\xa5" * GUARD, b"\x3c" * GUARD
NOISE = bytes([i * i * 7 + i // 251 * 13 + 5 & 255 for i in range(16384)])

blocks = []
plain = bytearray  # as the engine finds it, `bytearray` makes guarded ones


def guarded(size):
    """A buffer of the engine."""
    block = plain(size + 2 * GUARD)
    blocks.append(memoryview(block))
    return memoryview(block)[GUARD : GUARD + size]


def guard(content):
    """Fills all guards."""
    for block in blocks:
        block[:GUARD] = content
        block[len(block) - GUARD :] = content


def intact(content):
    """Whether all guards are as they were filled."""
    for block in blocks:
        if block[:GUARD] != content or block[len(block) - GUARD :] != content:
            return False
    return True


def run(net, content):
    """The CRC of the output for the same input, or -1 where a guard was overwritten."""
    guard(content)
    size = len(net.input)
    for start in range(0, size, len(NOISE)):
        net.input[start : min(size, start + len(NOISE))] = NOISE[: min(len(NOISE), size - start)]
    net.invoke()
    return crc32(net.output) if intact(content) else -1


def attempt(model, weights):
    """Loads a file and runs it twice: ("ok", CRC-32 of the output, text), or another outcome with None."""
    gc.collect()
    try:
        net = Interpreter(model, weights)
    except GalagoError as error:
        if "\n" in error.message:
            return "fault", None, "a message of several lines"
        return error.code, None, error.message
    if net.macs > LONG:
        return "long", None, "%d %d" % (net.macs, net.arena_bytes)
    plan = bytes(net.plan)
    first, second = run(net, FIRST), run(net, SECOND)
    said = None
    if -1 in (first, second):
        said = "writes beyond its buffers"
    elif first != second:
        said = "reads beyond its buffers"
    elif bytes(net.plan) != plan:
        said = "writes into its plan"
    text = "%d %d %d" % (net.macs, net.arena_bytes, first)
    net.close()
    return ("fault", None, said) if said else ("ok", first, text)


def judge(room):
    """Loads and runs one file: where it lies, between guards too, and then streamed from the file system."""
    blocks.append(room)
    model = room[GUARD : len(room) - GUARD]
    whole = crc32(model)
    outcome, result, text = attempt(model, None)
    if crc32(model) != whole:
        return "fault writes into the model"
    blocks.clear()
    if outcome not in ("fault", "long"):
        with open("model.tflite", "wb") as file:
            file.write(model)
        streamed, other, said = attempt("model.tflite", "stream")
        if streamed == "fault":
            outcome, text = streamed, said + ", streamed"
        elif "memory.arena" not in (outcome, streamed) and (outcome, result) != (streamed, other):
            outcome, text = "fault", "%s in memory, %s %s streamed" % (outcome, streamed, said)
    return "%s %s" % (outcome, text)


def receive(source, buffer):
    """Fills a buffer from a pipe, which gives what it has."""
    while len(buffer):
        buffer = buffer[source.readinto(buffer) :]


def serve(judge):
    """Answers requests until there are no more."""
    source = sys.stdin.buffer
    room = memoryview(plain(int(source.readline()) + 2 * GUARD))
    print(gc.mem_alloc(), "ready")
    while True:
        line = source.readline()
        if not line:
            return
        size = int(line)
        receive(source, room[GUARD : GUARD + size])
        try:
            answer = judge(room[: size + 2 * GUARD])
        except GalagoError as error:
            answer = "%s %s" % (error.code, error.message)
            if "\n" in answer:
                answer = "fault a message of several lines"
        except Exception as error:
            answer = "fault %s %s" % (type(error).__name__, error)
        blocks.clear()
        gc.collect()
        print(gc.mem_alloc(), answer.replace("\n", " "))


if __name__ == "__main__":
    builtins.bytearray = guarded
    serve(judge)
