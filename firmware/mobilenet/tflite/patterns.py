# SPDX-License-Identifier: MIT
"""Golden inputs in machine code (backends/golden.py has the same in bytecode, for firmware without viper).

patterns.fill(tensor, len(tensor), 5)
"""


@micropython.viper
def fill(tensor: ptr8, size: int, pattern: int):
    """Fills `size` bytes with a pattern; backends/golden.py says which."""
    white = 0
    x = pattern
    if pattern < 0:
        white = size >> 1
        x = 0 - pattern
    i = 0
    while i < size:
        x = 1664525 * x + 1013904223  # modulo 2^32 on boards; the lower 32 bits are the same on x64
        value = x >> 24 & 0xFF ^ 0x80
        if i < white or pattern == 1:
            value = 0x7F
        elif pattern == 0:
            value = 0x80
        elif pattern == 2:
            value = i & 0xFF ^ 0x80
        tensor[i] = value
        i += 1
