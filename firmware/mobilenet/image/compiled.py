# SPDX-License-Identifier: MIT
"""Machine code in place of a module's viper functions, if the host put it on the board.

    compiled.replace(globals())         # the last line of a module that defines viper functions

The host compiles the functions (docs/compiler.md) into mobilenet/picture.mpy. When that file is new, each of
them and its viper source get the same noise (proof.py); a function whose results differ stays viper, and a
line is logged. The verdict is kept under the file's SHA-256 in galago.picture.json at the root of the file
system. The board writes a note there before it checks: if it finds this note later, the code crashed it, and
viper computes until another file arrives.
"""

import hashlib
import json
import sys

_PACKAGE, _, _HERE = __name__.rsplit(".", 2)
_folder = __file__.rsplit("/", 2)[0]
_verdict_path = _folder.split("/lib/")[0] + "/galago.picture.json"
_code = None  # the module in picture.mpy; False if there is none to use
_verdict = {}


def replace(names, inlined=()):
    """Replaces viper functions among `names`, a module's globals, by machine code of the same name.

    `inlined` names functions that only these call: machine code contains them, so that they can be forgotten.
    """
    global _code
    if _code is None:
        _code = _load() or False
    if not _code:
        return
    own = [name for name in dir(_code) if name in names and callable(getattr(_code, name))]
    new = [name for name in own if name not in _verdict["right"] and name not in _verdict["wrong"]]
    if new:
        _check(names, new)
    for name in own:
        if name in _verdict["right"]:
            names[name] = getattr(_code, name)
    if own and not any(name in _verdict["wrong"] for name in own):
        for name in inlined:
            function = names.pop(name)
            for path, module in sys.modules.items():
                if path.startswith(_PACKAGE + ".image.") and getattr(module, name, None) is function:
                    delattr(module, name)


def _load():
    """Returns the module in picture.mpy, None if there is none or it must not be used."""
    try:
        digest = hashlib.sha256()
        with open(_folder + "/picture.mpy", "rb") as file:
            block = file.read(512)
            while block:
                digest.update(block)
                block = file.read(512)
    except OSError:
        return None
    _verdict.update(_read("".join("%02x" % byte for byte in digest.digest())))
    if "checking" in _verdict:
        print("pictures: the board restarted while it checked %s, viper computes" % _verdict["checking"])
        return None
    try:
        return __import__(_PACKAGE + ".picture", None, None, ("*",))
    except (ImportError, ValueError, MemoryError) as error:
        print("pictures: picture.mpy cannot be loaded (%s), viper computes" % error)
    return None


def _check(names, new):
    """Compares functions with their viper sources."""
    from . import proof

    try:
        for name in new:
            _verdict["checking"] = name
            _keep()
            same = proof.same(name, names, getattr(_code, name))
            _verdict["right" if same else "wrong"].append(name)
            if not same:
                print("pictures: machine code of %s is wrong, viper computes it" % name)
    except MemoryError:
        print("pictures: not enough memory to check machine code, viper computes")
    finally:
        _verdict.pop("checking", None)
        _keep()
        sys.modules.pop(proof.__name__, None)
        if hasattr(sys.modules[proof.__name__.rsplit(".", 1)[0]], "proof"):
            del sys.modules[proof.__name__.rsplit(".", 1)[0]].proof


def _read(digest):
    try:
        with open(_verdict_path) as file:
            kept = json.load(file)
        if kept["sha256"] == digest and all(isinstance(kept[kind], list) for kind in ("right", "wrong")):
            return kept
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {"sha256": digest, "right": [], "wrong": []}


def _keep():
    try:
        with open(_verdict_path, "w") as file:
            json.dump(_verdict, file)
    except OSError:  # read-only: the check is repeated at each boot
        pass
