# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportArgumentType=false, reportAssignmentType=false
"""`KPU` of MaixPy v1: kmodels of version 3, which the emulated K210 runs bit by bit."""

import _host

_MAX_MODELS = 5
_count = 0


class _Net:
    def __init__(self, number):
        self.number = number


class _Map:
    """The output of a model: floats."""

    def __init__(self, values):
        self._values = values

    def __getitem__(self, index):
        return self._values[index]


def load(place):
    """Load a model from a path or from an address in flash."""
    global _count
    if isinstance(place, str):
        if ".kmodel" not in place:
            raise ValueError("[MAIXPY]kpu: model format don't match, only supply .kmodel ")
        if _count == _MAX_MODELS:
            text = "[MAIXPY]kpu: load error:2009, ERR_MODELS_FULL: "
            raise ValueError(text + "we only support load 5 models in the same time")
        try:
            with open(place, "rb") as file:
                content = file.read()
        except OSError:
            raise ValueError("[MAIXPY]kpu: load error:2005, ERR_READ_FILE: read file failed") from None
        error, text, number = _host.call("k210_load", data=content)
    elif isinstance(place, int):
        error, text, number = _host.call("k210_load_flash", place)
    else:
        raise TypeError("[MAIXPY]kpu: only accept int or string")
    if error:
        raise ValueError(f"[MAIXPY]kpu: load error:{error}, {text}")
    _count += 1
    return _Net(number)


def forward(net, picture, out_index=0, dma=-1):
    """Run a model on an image of its input size, after pix_to_ai()."""
    if picture._planes is None:
        print("[MAIXPY]kpu: pix_ai is NULL!")
        raise ValueError("[MAIXPY]kpu: check img format err!")
    size = picture.width(), picture.height()
    return _Map(tuple(_host.call("k210_run", net.number, size[0], size[1], data=picture._planes)))


def fmap_free(values):
    """Does nothing, like the real function."""


def deinit(net):
    """Unload a model."""
    global _count
    if net.number is not None:
        _host.call("k210_free", net.number)
        net.number = None
        _count -= 1
    return True
