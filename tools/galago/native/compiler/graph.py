# SPDX-License-Identifier: MIT
"""The control-flow graph of a function: dominators and natural loops."""

from galago.native.compiler.ir import Block, Function


class Graph:
    """Computed once; valid until the blocks change."""

    def __init__(self, function: Function) -> None:
        self.order = _reverse_postorder(function)
        """The blocks, each after its dominators."""
        self._index = {block: i for i, block in enumerate(self.order)}
        self.dominator = self._dominators()
        """Block → the block that dominates it directly; the entry dominates itself."""
        self.loops = self._loops()
        """Head of a loop → its blocks."""
        self.depth = {block: sum(block in body for body in self.loops.values()) for block in self.order}
        """Block → the number of loops around it."""

    def dominates(self, upper: Block, lower: Block) -> bool:
        """Whether all ways to `lower` lead through `upper`."""
        while self._index[lower] > self._index[upper]:
            lower = self.dominator[lower]
        return lower is upper

    def preheader(self, head: Block) -> Block | None:
        """The block that alone leads into a loop, and nowhere else."""
        outside = [block for block in head.predecessors if block not in self.loops[head]]
        return outside[0] if len(outside) == 1 and len(outside[0].successors) == 1 else None

    def frequencies(self) -> dict[Block, float]:
        """How often each block is executed, as an estimate.

        A loop has ten rounds, and of the two ways of a branch that does not end it each is taken as often.
        """
        found: dict[Block, float] = {}
        for block in self.order:
            before = [other for other in block.predecessors if other in found]
            found[block] = sum(found[other] * self._share(other, block) for other in before) or 1.0
            if block in self.loops:
                found[block] *= 10
        return found

    def _dominators(self) -> dict[Block, Block]:
        """The algorithm of Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001)."""
        entry = self.order[0]
        found = {entry: entry}
        changed = True
        while changed:
            changed = False
            for block in self.order[1:]:
                known = [before for before in block.predecessors if before in found]
                best = known[0]
                for other in known[1:]:
                    best = self._intersect(found, best, other)
                if found.get(block) is not best:
                    found[block] = best
                    changed = True
        return found

    def _intersect(self, found: dict[Block, Block], a: Block, b: Block) -> Block:
        while a is not b:
            while self._index[a] > self._index[b]:
                a = found[a]
            while self._index[b] > self._index[a]:
                b = found[b]
        return a

    def _loops(self) -> dict[Block, set[Block]]:
        loops: dict[Block, set[Block]] = {}
        for block in self.order:
            for head in block.successors:
                if self.dominates(head, block):
                    body = loops.setdefault(head, {head})
                    todo = [block]
                    while todo:
                        inside = todo.pop()
                        if inside not in body:
                            body.add(inside)
                            todo += inside.predecessors
        return loops

    def _share(self, block: Block, following: Block) -> float:
        """How often a block goes on to another one."""
        ways = block.successors
        if len(ways) == 1:
            return 1.0
        around = min((body for body in self.loops.values() if block in body), key=len, default=None)
        if around is None or all(way in around for way in ways):
            return 0.5
        return 1.0 if following in around else 0.1


def _reverse_postorder(function: Function) -> list[Block]:
    order: list[Block] = []
    seen = {function.blocks[0]}
    stack = [(function.blocks[0], iter(function.blocks[0].successors))]
    while stack:
        block, rest = stack[-1]
        following = next((other for other in rest if other not in seen), None)
        if following is None:
            order.append(block)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(following.successors)))
    return order[::-1]
