# SPDX-License-Identifier: MIT
"""Compiles viper functions of the device package to machine code. docs/compiler.md describes it.

    module = read(firmware_dir() / "mobilenet/image/jpeg/idct.py")
    code = compile_function(module, "idct_8", "armv7emsp")      # bytes for mpy.machine_code

The compiled function takes the place of its source: MicroPython calls it in the same way with the same
arguments, and it computes the same.

source.py → frontend.py (with ssa.py, runtime.py) → ir.py → passes/ → lower.py → code.py
→ coalesce.py, allocate.py (liveness.py), reuse.py → layout.py → emit.py (target.py, targets/) → bytes
"""

from galago.errors import GalagoError
from galago.native.compiler import allocate, coalesce, layout, passes, reuse
from galago.native.compiler.emit import emit
from galago.native.compiler.frontend import Convention, translate
from galago.native.compiler.ir import Function
from galago.native.compiler.lower import lower
from galago.native.compiler.passes import address, dead, fold
from galago.native.compiler.runtime import Runtime
from galago.native.compiler.source import Module, evaluate, parse, read
from galago.native.compiler.target import Target
from galago.native.compiler.targets import TARGETS

__all__ = ("TARGETS", "Module", "compile_function", "evaluate", "optimize", "parse", "read")


def compile_function(module: Module, name: str, arch: str, convention: Convention = Runtime) -> bytes:
    """The machine code of a viper function, position-independent, entered at its first byte.

    By default MicroPython calls it as it calls the viper function; `convention` is another way to call it.

    Raises GalagoError native.source if the function uses what the compiler does not know, and native.arch if
    there is no target for the architecture.
    """
    if arch not in TARGETS:
        raise GalagoError("native.arch", f"expected one of {', '.join(sorted(TARGETS))}, got {arch}")
    target = TARGETS[arch]()
    function = translate(module, name, target.word, convention)
    optimize(function, target)
    code = lower(function, target)
    coalesce.run(code, target)
    allocate.run(code, target)
    reuse.run(code, target)
    layout.run(code)
    return emit(code, target)


def optimize(function: Function, target: Target) -> None:
    """Everything that happens in SSA form."""
    passes.optimize(function, target.divides)
    fold.extend_loads(function)
    address.run(function, target)
    target.fuse(function)
    dead.run(function)
