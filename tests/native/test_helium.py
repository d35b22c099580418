# SPDX-License-Identifier: MIT
"""Helium: its encodings against LLVM's, the emulated Cortex-M55, counts of kernels, boards that get them."""

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from docgen import helium_cycles
from galago import boards, flash, models
from galago.errors import GalagoError
from galago.native import kernels, mpy
from galago.native.assemblers.helium import Q0, Q1, Q4, Helium
from galago.native.assemblers.thumb import LR, PC, R0, R1, R4
from galago.native.verify import cortex_m55
from galago.native.verify.cortex_m55 import M55Machine
from galago.native.verify.trial import Trial
from galago.tflite import records
from galago.tflite.tflm import Tflm
from support.builder import SAME, VALID, Builder
from support.requirements import requires

in_qemu = requires("qemu-system-arm", debian="qemu-system-arm")

# A call, and LLVM's text for it. q, v, w are vectors, r, n any registers, e an even one, t a low one.
FORMS = """
vldrb(q, r)                     vldrb.u8 q, [r]
vldrb(q, r, 112)                vldrb.u8 q, [r, #112]
vldrb(q, r, -7)                 vldrb.u8 q, [r, #-7]
vldrb(q, r, after=16)           vldrb.u8 q, [r], #16
vstrb(q, r, 127)                vstrb.8 q, [r, #127]
vstrb(q, r, after=64)           vstrb.8 q, [r], #64
vldrw(q, r, 96)                 vldrw.u32 q, [r, #96]
vldrw(q, 13, 16)                vldrw.u32 q, [sp, #16]
vldrw(q, r, after=16)           vldrw.u32 q, [r], #16
vstrw(q, r, 508)                vstrw.32 q, [r, #508]
vstrw(q, r, after=16)           vstrw.32 q, [r], #16
vstrb_words(q, t)               vstrb.32 q, [t]
vldrw_gather(q, v)              vldrw.u32 q, [v]
vldrw_gather(q, v, 12)          vldrw.u32 q, [v, #12]
vstrb_scatter(q, r, v)          vstrb.16 q, [r, v]
vst4(4, r)                      vst40.8 {q4, q5, q6, q7}, [r]; vst41.8 {q4, q5, q6, q7}, [r]; \
vst42.8 {q4, q5, q6, q7}, [r]; vst43.8 {q4, q5, q6, q7}, [r]!
vdup(q, r, 1)                   vdup.8 q, r
vdup(q, r, 4)                   vdup.32 q, r
vmov_pair(q, 0, r, n)           vmov q[2], q[0], r, n
vmov_pair(q, 1, r, n)           vmov q[3], q[1], r, n
vmov_lane(q, 2, r)              vmov.32 q[2], r
vmov_lane(q, 3, r)              vmov.32 q[3], r
vmlav(e, q, v)                  vmlav.s8 e, q, v
vmlav(e, q, v, add=True)        vmlava.s8 e, q, v
vaddva(e, q)                    vaddva.s8 e, q
vadd(q, v, w)                   vadd.i32 q, v, w
vadd_reg(q, v, r)               vadd.i32 q, v, r
vqadd_reg(q, v, r)              vqadd.s16 q, v, r
vqrdmulh(q, v, w)               vqrdmulh.s32 q, v, w
vrshl(q, v, w)                  vrshl.s32 q, v, w
vshr(q, v, 31, signed=True)     vshr.s32 q, v, #31
vshr(q, v, 16, signed=False)    vshr.u32 q, v, #16
vand(q, v, w)                   vand q, v, w
vqmovn(q, v, 4, top=False)      vqmovnb.s32 q, v
vqmovn(q, v, 4, top=True)       vqmovnt.s32 q, v
vqmovn(q, v, 2, top=False)      vqmovnb.s16 q, v
vmax(q, v, w)                   vmax.s8 q, v, w
vmin(q, v, w)                   vmin.s8 q, v, w
vpush()                         vpush {d8-d15}
vpop()                          vpop {d8-d15}
vmov_single(8, r)               vmov s8, r
vcvt(3, 4)                      vcvt.f64.f32 d3, s4
vmul(1, 2, 3)                   vmul.f64 d1, d2, d3
vdiv(1, 2, 3)                   vdiv.f64 d1, d2, d3
vmov_double(r, n, 5)            vmov r, n, d5
vctp(r)                         vctp.8 r
vpst(1); vldrb(q, r)            vpst; vldrbt.u8 q, [r]
vpst(3); vldrb(q, r); vldrb(v, r); vldrb(w, r)   vpsttt; vldrbt.u8 q, [r]; vldrbt.u8 v, [r]; vldrbt.u8 w, [r]
dls(r)                          dls lr, r
label("l1"); vand(q, q, q); le("l1")             1: vand q, q, q; le lr, 1b
wlstp(r, "l3"); label("l2"); vldrb(q, n); letp("l2"); label("l3")   \
wlstp.8 lr, r, 3f; 2: vldrb.u8 q, [n]; letp lr, 2b; 3:
"""
NAMES = [f"r{i}" for i in range(13)]


@requires("llvm-mc", debian="llvm")
def test_every_instruction_is_llvms(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    code, lines = b"", [".syntax unified", ".thumb"]
    forms = [re.split(r" {3,}", line) for line in FORMS.replace("\\\n", "").strip().splitlines()]
    used = set(re.findall(r"(\w+)\(", " ".join(call for call, _ in forms)))
    assert used | {"at"} > {name for name in vars(Helium) if not name.startswith("_")}
    for call, text in forms * 6:
        q, v, w = (int(n) for n in random.permutation(8)[:3])
        r, n = (int(n) for n in random.permutation(12)[:2])
        values = {"q": q, "v": v, "w": w, "r": r, "n": n, "e": r & ~1, "t": r & 7}
        named = {key: f"q{values[key]}" for key in "qvw"} | {key: NAMES[values[key]] for key in "rnet"}
        each = Helium()
        for part in call.split("; "):
            eval(f"code.{part}", {"code": each} | values)
        code += each.finish()
        words = (named.get(word, word) for word in re.split(r"\b", text))
        lines += "".join(words).split("; ")
    source, binary = tmp_path / "helium.s", tmp_path / "helium.bin"
    source.write_text("\n".join(lines) + "\n")
    command = "llvm-mc --triple=thumbv8.1m.main-none-eabi --mattr=+mve.fp,+lob,+fp64 -filetype=obj"
    subprocess.run([*command.split(), str(source), "-o", str(binary)], check=True)
    assert code in binary.read_bytes()


@pytest.mark.parametrize(
    ("name", "operands"),
    [("vmlav", (R1, Q0, Q1)), ("vst4", (5, R0)), ("vldrb", (Q0, R0, 128)), ("vldrw", (Q0, R0, 6))],
)
def test_what_an_encoding_cannot_hold(name: str, operands: tuple[int, ...]) -> None:
    with pytest.raises(GalagoError) as error:
        getattr(Helium(), name)(*operands)
    assert error.value.code == "native.operand"


@in_qemu
def test_the_machine_counts_guards_and_checks_the_convention() -> None:
    with M55Machine(strict=True) as machine:
        code = Helium()
        code.push(R4, LR)
        code.dls(R0)
        code.label("loop")
        code.adds(R1, R1, 3)
        code.le("loop")
        code.mov(R0, R1)
        code.pop(R4, PC)
        loop = machine.load(code.finish())
        for rounds in (1, 2, 100):
            assert machine.call(loop, rounds, 7) == 7 + 3 * rounds
            assert abs(machine.executed - (4 + 2 * rounds)) <= 1
            assert machine.stack() == 8
        for change in (lambda code: code.load(R4, 0), lambda code: code.vdup(Q4, R0, 1)):
            code = Helium()
            change(code)
            code.bx(LR)
            with pytest.raises(GalagoError) as error:
                machine.call(machine.load(code.finish()))
            assert error.value.code == "native.convention"
        code = Helium()
        code.vldrb(Q0, R0)
        code.bx(LR)
        buffer = machine.place(bytes(19), writable=False, name="the buffer")
        address = machine.load(code.finish())
        machine.call(address, buffer.address + 3)
        with pytest.raises(GalagoError, match="offset 19 of read-only the buffer") as error:
            machine.call(address, buffer.address + 4)
        assert error.value.code == "native.bounds"


@in_qemu
def test_an_endless_loop_and_an_unknown_instruction_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (b"\x00\xde", b"\xfe\xe7"):  # udf; b .
        with M55Machine() as machine:
            monkeypatch.setattr(cortex_m55, "_TIMEOUT", 0.2)
            with pytest.raises(GalagoError) as error:
                machine.call(machine.load(code))
            assert error.value.code == "native.fault"
            monkeypatch.undo()


@in_qemu
def test_layers_of_the_shipped_model_are_within_their_counts() -> None:
    """One layer of each kind; test_kernels.py compares results, docs/chips.md counts whole inferences."""
    trial = Trial(models.find("everyday-v1-025-96").tflite.read_bytes(), "helium")
    random = np.random.default_rng(1)
    machine: Any = trial.machine
    call, counted = machine.call, []
    machine.call = lambda *arguments: (call(*arguments), counted.append(machine.executed))[0]
    for layer, most in {0: 0.43, 9: 0.8, 14: 0.15, 26: 0.21}.items():
        counted.clear()
        record = trial.records[layer]
        trial.run(layer, random.bytes(record.in_h * record.in_w * record.in_c))
        assert sum(counted) <= most * record.macs, trial.kernel(layer)


def test_a_product_of_16_bytes_takes_two_cycles_if_loads_alternate() -> None:
    code = Helium()
    code.dls(R1)
    for after in (16, 0):
        code.vldrb(Q0, R0, after=after) if after else code.vldrb(Q0, R0)
        code.vmlav(R4, Q0, Q1, add=True)
    code.le("loop")
    code.label("loop")
    costs = dict(helium_cycles.listing(0, code.finish()))
    counted = helium_cycles.cycles([0, *(4, 8, 12, 16, 20) * 100], costs)
    assert counted == (501, 2 + 2 * 2 * 100)  # 1 for dls, and 1 for the first load, which overlaps nothing
    assert (
        helium_cycles.cycles([4, 12, 4], costs)[1] == 2 + 2 + 2 + 2
    )  # loads alone, two of them after a branch


@in_qemu
@pytest.mark.parametrize(
    ("window", "channels", "stride"),
    [((1, 1), 5000, 1), ((1, 1), 17 * 16, 1), ((2, 2), 160, 1), ((3, 3), 70, 1), ((1, 1), 20, 2)],
)
def test_windows_that_take_a_loop(window: tuple[int, int], channels: int, stride: int) -> None:
    """Too many vectors to be unrolled: of one row, with a rest and without, of all rows, of each row."""
    random = np.random.default_rng(8)
    graph = Builder((1, 3, 3, channels), 0.02, -5)
    weights = random.integers(-127, 128, (3, *window, channels)).astype(np.int8)
    scales = [0.0028 / np.sqrt(weights[0].size)] * 3
    more: Any = {"stride": (stride, stride), "padding": SAME, "out": (0.01, 3)}
    model = graph.finish(graph.conv(graph.input, weights, np.array([5, -90, 7], np.int32), scales, **more))
    oracle = Tflm(model)
    picture = random.integers(-128, 128, oracle.input_shape).astype(np.int8)
    expected = oracle.run(picture)
    assert len(np.unique(expected)) > 5
    trial = Trial(model, "helium", strict=True)
    assert trial.run(0, picture.tobytes(), rows=True) == expected.tobytes()


def test_windows_too_large_are_left_to_the_compiler() -> None:
    graph = Builder((1, 2, 2, 2100), 0.02, 0)
    weights = np.ones((2, 2, 2, 2100), np.int8)
    model = graph.finish(graph.conv(graph.input, weights, None, [0.01] * 2, padding=VALID, out=(0.1, 0)))
    names = [kernel.name for kernel in kernels.generate(records.read(model), "helium")]
    assert not [name for name in names if name.startswith("convolution")]


def test_which_boards_get_helium() -> None:
    def arch(core: str, emulated: bool = False, known: boards.BoardSpec | None = None) -> str | None:
        what = {"kernels": "armv7emdp", "machine": f"a board with {core}", "emulated": emulated}
        board: Any = SimpleNamespace(implementation=what)
        return flash.native_arch(board, known)

    assert arch("STM32N657", known=boards.load("OPENMV_N6")) == "helium"
    assert arch("STM32N657", known=boards.load("OPENMV_N6"), emulated=True) == "armv7emdp"
    assert arch("Cortex-M55") == "helium"
    assert arch("Cortex-M7") == "armv7emdp"
    model = models.find("everyday-v1-025-96").tflite.read_bytes()
    assert mpy.read(kernels.build(model, "helium") or b"").arch == "armv7emsp"
