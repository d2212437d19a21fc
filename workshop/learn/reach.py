"""Which checks a change to a solution can reach, found by reading and not by running.

A check that calls no function that was redefined, nor one that calls such a function, goes as it
goes on the solution: it need not be run again for each of many wrong answers. What is read is taken
generously: a check reaches every function of which it, or what it uses, has the name in a text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from workshop.learn.checking import Check

DRIVER = "driver.py"
WORD = re.compile(r"\w+")


def reach_of(checks: list[Check], folder: Path) -> dict[str, set[str]]:
    """By check of the check files in ``folder``, the words that functions may be called by."""
    paths = [path for path in sorted(folder.glob("*.py")) if path.name != DRIVER]
    ours = definitions(ast.parse(read(path)) for path in paths)
    driver = definitions([ast.parse(read(folder / DRIVER))])
    said = said_by(ours, {check.run.__name__ for check in checks})
    driven = said_by(driver, set(driver))
    return {
        check.name: said[check.run.__name__].union(
            *(driven.get(word, ()) for word in said[check.run.__name__])
        )
        for check in checks
    }


def said_by(found: dict[str, ast.AST], wanted: set[str]) -> dict[str, set[str]]:
    """For each name that is wanted, the words in what it is and in what it uses."""
    uses = {name: names(node) for name, node in found.items()}
    says = {name: words(node) for name, node in found.items()}
    return {
        name: set().union(*(says.get(one, ()) for one in closure({name}, uses))) for name in wanted
    }


def reached_by(
    checks: list[Check], reach: dict[str, set[str]], solution: str, change: str
) -> list[Check]:
    """Those checks that ``change``, at the end of ``solution``, reaches.

    All of them, where it does more than to define and to import.
    """
    before = ast.parse(solution)
    there = {ast.dump(node) for node in before.body}  # an import again changes nothing
    new = [node for node in ast.parse(change).body if ast.dump(node) not in there]
    defined = bound(ast.Module(new, []))
    if defined is None:
        return checks
    changed = closure(defined, users(definitions([before])))
    kept = {check.name for check in checks if changed & reach[check.name]}
    return [
        replace(check, needs=tuple(name for name in check.needs if name in kept))
        for check in checks
        if check.name in kept
    ]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def bound(module: ast.Module) -> set[str] | None:
    """What a module defines or imports; None where it does anything else."""
    found: set[str] = set()
    for node in module.body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Import() | ast.ImportFrom():
                found |= {(one.asname or one.name).partition(".")[0] for one in node.names}
            case ast.Assign() if all(isinstance(target, ast.Name) for target in node.targets):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.Expr(value=ast.Constant()):  # a docstring
                pass
            case _:
                return None
    return found


def definitions(modules: Iterable[ast.Module]) -> dict[str, ast.AST]:
    """What stands at the top of modules, by name; of two of a name, both."""
    found: dict[str, ast.AST] = {}
    for module in modules:
        for node in module.body:
            for name in bound(ast.Module([node], [])) or ():
                both = [found[name], node] if name in found else [node]
                found[name] = ast.Module(both, [])  # type: ignore[arg-type]
    return found


def users(found: dict[str, ast.AST]) -> dict[str, set[str]]:
    """For each name that is used, who uses it."""
    by: dict[str, set[str]] = {}
    for user, node in found.items():
        for name in names(node):
            by.setdefault(name, set()).add(user)
    return by


def names(node: ast.AST) -> set[str]:
    """Names that are used in a node."""
    return {one.id for one in walk(node) if isinstance(one, ast.Name)}


def words(node: ast.AST) -> set[str]:
    """Words of the texts in a node, and attributes that it asks for."""
    found: set[str] = set()
    for one in walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            found |= set(WORD.findall(one.value))
        elif isinstance(one, ast.Attribute):
            found.add(one.attr)
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """As ``ast.walk``, without the hints of checks."""
    left = [node]
    while left:
        one = left.pop()
        yield one
        hints = getattr(one, "decorator_list", [])
        left += [child for child in ast.iter_child_nodes(one) if child not in hints]


def closure(start: set[str], leads: dict[str, set[str]]) -> set[str]:
    """All that is reached from ``start``, itself included."""
    found, new = set(start), set(start)
    while new:
        new = set().union(*(leads.get(name, set()) for name in new)) - found
        found |= new
    return found
