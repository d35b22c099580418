# SPDX-License-Identifier: MIT
"""Finds the inner loops of a function that has left SSA form."""

from dataclasses import dataclass

from galago.native.compiler.code import Code, Section


@dataclass(eq=False, slots=True)
class Loop:
    """A loop without loops inside it."""

    before: Section
    """The section that alone leads into it, and nowhere else."""
    body: list[Section]


def inner_loops(code: Code) -> list[Loop]:
    """The loops that have one section before them."""
    sections = {section.name: section for section in code.sections}
    predecessors: dict[str, list[Section]] = {name: [] for name in sections}
    for section in code.sections:
        for name in section.successors:
            predecessors[name].append(section)
    found: list[Loop] = []
    for head in code.sections:
        outside = [section for section in predecessors[head.name] if section.depth < head.depth]
        if len(outside) == 1 and len(outside[0].successors) == 1 and len(predecessors[head.name]) > 1:
            body = _body(head, outside[0], predecessors)
            if all(section.depth == head.depth for section in body):
                found.append(Loop(outside[0], body))
    return found


def _body(head: Section, before: Section, predecessors: dict[str, list[Section]]) -> list[Section]:
    """All sections from which the head is reached again."""
    body, todo = {head: None}, [head]  # a dict keeps their order
    while todo:
        for section in predecessors[todo.pop().name]:
            if section is not before and section not in body:
                body[section] = None
                todo.append(section)
    return list(body)
