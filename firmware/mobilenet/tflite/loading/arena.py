# SPDX-License-Identifier: MIT
"""Plans the memory of a model: which layers run together row by row, and the offset of each tensor.

    layout = Layout(graph.operators, graph.input, graph.output)
    layout.grow()
    total = layout.place()

The layers of a chain run row by row, each only as far ahead as the next one needs, so that the tensors
between them are ring buffers of a few rows. The output of a chain may overlap its input if rows are written
only after the last use of the bytes they cover. A chain of one layer runs that layer as a whole. Chains grow
where that lowers the peak of memory.
"""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_INPUT_ROWS = const(1)
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_SCRATCH = const(4)
_SECOND = const(5)
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)
_K_H = const(12)
_S_H = const(14)
_P_T = const(16)
_OPERATOR = const(31)

_RECORD = const(32)
_CONCATENATION = const(2)  # in the schema
_ALIGN = const(4)
_NEVER = const(1 << 28)  # a distance larger than any arena


# Orders in which blocks (see `place`) are placed: each is the best for some network. Keys are unique, so that
# every sorting algorithm gives the same order.
_ORDERS = (
    lambda block: (-block[0], block[3]),
    lambda block: (block[1], -block[0], block[3]),
    lambda block: (-block[1], -block[0], block[3]),
    lambda block: (-block[2], -block[0], block[3]),
    lambda block: (block[3] < 0, -block[1], block[3]),
)


def rows_needed(plan, at, row):
    """Returns how many input rows the output rows up to `row` need; the record starts at plan[at]."""
    return min(plan[at + _IN_H], row * plan[at + _S_H] - plan[at + _P_T] + plan[at + _K_H])


class Layout:
    """The memory layout of a graph's operators: chains of layers, and after `place` offsets of tensors."""

    def __init__(self, operators, source, target):
        self.operators = operators
        self.birth = {source: -1}
        self.death = {source: 0, target: len(operators)}
        self.uses = {}
        self.sizes = {source: 0}
        for i, (_, record, inputs, output) in enumerate(operators):
            for tensor in inputs:
                self.death[tensor] = max(i, self.death.get(tensor, 0))
                self.uses[tensor] = self.uses.get(tensor, 0) + 1
            self.birth[output] = i
            self.death.setdefault(output, i)
            self.sizes[output] = record[_OUT_H] * record[_OUT_W] * record[_OUT_C]
            self.sizes[inputs[0]] = record[_IN_H] * record[_IN_W] * record[_IN_C]
        self.chains = [(i, i) for i in range(len(operators))]

    def grow(self):
        """Joins neighbouring chains as long as that lowers the largest need."""
        needs = [self._need(first, last) for first, last in self.chains]
        while True:
            peak = max(needs)
            at = needs.index(peak)
            best = peak, 0
            for start in (at - 1, at):
                if self._joins(start):
                    need = self._need(self.chains[start][0], self.chains[start + 1][1])
                    if need < best[0]:
                        best = need, start + 1
            if not best[1]:
                return
            start = best[1] - 1
            self.chains[start : start + 2] = [(self.chains[start][0], self.chains[start + 1][1])]
            needs[start : start + 2] = [best[0]]

    def order(self, first, last):
        """Returns the layers of a chain in the order of their rows: each as far ahead as the next one needs.

        A chain of one layer runs as a whole.
        """
        if first == last:
            return [first]
        order = []
        done = [0] * (last + 1)
        layer = last
        while done[last] < self.operators[last][1][_OUT_H]:
            record = self.operators[layer][1]
            if layer > first and done[layer - 1] < rows_needed(record, 0, done[layer]):
                layer -= 1
                continue
            order.append(layer)
            done[layer] += 1
            layer = min(last, layer + 1)
        return order

    def _joins(self, index):
        """Returns whether a chain can run together with the next one."""
        if not 0 <= index < len(self.chains) - 1:
            return False
        _, last = self.chains[index]
        operator, _, _, output = self.operators[last]
        following, _, inputs, _ = self.operators[last + 1]
        only = inputs == [output] and self.uses[output] == 1 and self.death[output] == last + 1
        return only and operator.STREAMS and following.STREAMS

    def _ring(self, layer):
        """Returns the bytes of the ring in which a chain keeps a layer's output."""
        record = self.operators[layer][1]
        return self.rows(layer) * record[_OUT_W] * record[_OUT_C]

    def rows(self, layer):
        """Returns the rows of the ring in which a chain keeps a layer's output."""
        return min(self.operators[layer][1][_OUT_H], self.operators[layer + 1][1][_K_H])

    def _scratch(self, first, last):
        """Returns the bytes of scratch of all layers of a chain."""
        total = 0
        for operator, record, _, _ in self.operators[first : last + 1]:
            total += _aligned(operator.scratch(record, first == last))
        return total

    def _need(self, first, last):
        """Returns the bytes needed while a chain runs, including the tensors that must outlive it."""
        inputs, output = self.operators[first][2], self.operators[last][3]
        total = self._scratch(first, last) + sum([_aligned(self._ring(i)) for i in range(first, last)])
        for tensor in self.birth:
            if self.birth[tensor] < first and self.death[tensor] > last and tensor not in inputs:
                total += self.sizes[tensor]
        size = self.sizes[output]
        for tensor in set(inputs):
            distance = self.near(tensor, first, last)
            if distance < self.sizes[output]:
                size = max(size, max(distance, 0) + self.sizes[tensor])
            else:
                size += self.sizes[tensor]
        return total + size

    def near(self, tensor, first, last):
        """Returns `distance` for one input; an input of an elementwise operator that repeats is kept."""
        repeats = first == last and self.operators[last][0].OVERLAP == "below"
        if self.death[tensor] > last or (
            repeats and self.sizes[tensor] < self.sizes[self.operators[last][3]]
        ):
            return _NEVER
        return self.distance(first, last)

    def distance(self, first, last):
        """Returns the least distance in bytes from output up to input at which they may overlap."""
        operator, record, _, _ = self.operators[last]
        overlap = operator.OVERLAP if first == last else "rows"
        if overlap != "rows":
            never = overlap == "never" or (overlap == "same" and record[_IN_C] != record[_OUT_C])
            return _NEVER if never else 0
        first_record = self.operators[first][1]
        line = record[_OUT_W] * record[_OUT_C]
        line_in = first_record[_IN_W] * first_record[_IN_C]
        rows = record[_OUT_H]
        step = operator.step(record) if first == last else 1
        distance = -_NEVER
        row = 0
        while row + step < rows:
            row += step
            # After `row` output rows: the last byte written, and the first input row that is still needed.
            done = row - 1
            for layer in range(last, first, -1):
                done = rows_needed(self.operators[layer][1], 0, done) - 1
            if done + 1 < first_record[_OUT_H]:
                needed = max(0, (done + 1) * first_record[_S_H] - first_record[_P_T])
                distance = max(distance, row * line - needed * line_in)
        return distance

    def place(self):
        """Writes the offsets into the records; returns the size of the arena in bytes.

        A tensor between chains lives from birth to last use, rings and scratch while their chain runs.
        """
        blocks = []  # (bytes, first and last chain that needs it, name: a tensor, or -1 - layer for scratch)
        chain_of = {-1: 0, len(self.operators): len(self.chains)}
        between = dict(self.sizes)
        near = {}
        for number, (first, last) in enumerate(self.chains):
            for layer in range(first, last + 1):
                chain_of[layer] = number
                operator, record, _, output = self.operators[layer]
                record[_INPUT_ROWS] = self.rows(layer - 1) if layer > first else record[_IN_H]
                record[_OUTPUT_ROWS] = self.rows(layer) if layer < last else record[_OUT_H]
                blocks.append((operator.scratch(record, first == last), number, number, -1 - layer))
                if layer < last:
                    blocks.append((self._ring(layer), number, number, output))
                    del between[output]
            operator, _, _, output = self.operators[last]
            for tensor in self.operators[first][2]:
                if self.death[tensor] <= last:
                    same = first == last and operator.OVERLAP == "same"
                    near[tensor, output] = _aligned(max(0, self.near(tensor, first, last))), same
        for tensor, size in between.items():
            blocks.append((size, chain_of[self.birth[tensor]], chain_of[self.death[tensor]], tensor))
        total = _NEVER
        for order in _ORDERS:
            other, size = _place(blocks, near, order)
            if size < total:
                offsets, total = other, size
        self.offsets = offsets
        for layer, (_, record, inputs, output) in enumerate(self.operators):
            record[_INPUT], record[_SECOND] = offsets[inputs[0]], offsets[inputs[-1]]
            record[_OUTPUT], record[_SCRATCH] = offsets[output], offsets[-1 - layer]
            if record[_OPERATOR] == _CONCATENATION:
                for i, tensor in enumerate(inputs):
                    record[_RECORD + i] = offsets[tensor]
        return total


def _aligned(size):
    return size + _ALIGN - 1 & -_ALIGN


def _place(blocks, near, order):
    """Places blocks in `order`, each at the lowest offset that is free during its life.

    `near` maps (input, output) to the least distance at which the input may overlap the output, and whether
    they may only overlap at the same offset. Returns the offsets by name, and the end of the last block.
    """
    placed = []
    offsets = {}
    total = 0
    blocks.sort(key=order)
    for size, birth, death, name in blocks:
        size = _aligned(size)
        alive = [block for block in placed if block[2] <= death and birth <= block[3]]
        candidates = [0]
        for start, end, _, _, other in alive:
            candidates.append(end)
            if (name, other) in near:
                candidates.append(start + near[name, other][0])
            elif (other, name) in near:
                candidates.append(start - near[other, name][0])
        candidates.sort()
        for offset in candidates:
            if offset >= 0 and _free(offset, size, name, alive, near):
                break
        offsets[name] = offset
        placed.append((offset, offset + size, birth, death, name))
        total = max(total, offset + size)
    return offsets, total


def _free(offset, size, name, alive, near):
    """Returns whether a block can be placed at an offset among the blocks alive at the same time."""
    for start, end, _, _, other in alive:
        if start < offset + size and offset < end:
            if (name, other) in near:
                distance, same = near[name, other]
                above = offset - start
            elif (other, name) in near:
                distance, same = near[other, name]
                above = start - offset
            else:
                return False
            if above < distance or (same and above):
                return False
    return True
