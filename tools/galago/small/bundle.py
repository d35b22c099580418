# SPDX-License-Identifier: MIT
"""Several modules as one: each module takes 240 bytes of a board's heap, and repeats the names of the others.

text = bundle({"errors": "class GalagoError…", "engine": "from .errors import GalagoError…"})
"""

import ast


def bundle(sources: dict[str, str]) -> str:
    """The source of one module with the content of all, in their order, without imports from one another.

    Raises ValueError if two of them define the same name.
    """
    statements, defined = list[ast.stmt](), dict[str, str]()
    for name, source in sources.items():
        for statement in ast.parse(source).body:
            if isinstance(statement, ast.ImportFrom) and statement.level and statement.module in sources:
                continue
            for new in _names(statement):
                before = defined.setdefault(new, ast.dump(statement))
                if before != ast.dump(statement):
                    raise ValueError(f"{new} of {name} is defined twice")
            statements.append(statement)
    return ast.unparse(ast.Module(statements, []))


def _names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return []
