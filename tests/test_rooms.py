"""Imports point one way: from rooms of later stages of the pipeline to those of earlier ones, and in no circle."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1] / "vaebench"
# What a room may import lies before it; geometry, which other decoders use as well, imports the ground alone.
GROUND = {"errors", "files", "locks", "memory", "random"}  # modules that import no room
ROOMS = ("data", "study", "geometry", "model", "flavours", "training", "samplers", "evaluation", "report")
TOP = {"interface", "cli", "__main__"}
MODULES = {
    ".".join(("vaebench", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


class Import(NamedTuple):
    """A module, the module that it imports, and whether only a type checker sees it."""

    importer: str
    imported: str
    unseen: bool


TREES = {module: ast.parse(path.read_text()) for module, path in MODULES.items()}


def imports(module: str) -> list[Import]:
    """Of modules of the package, wherever in the file they stand."""
    tree = TREES[module]
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vaebench":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                target = inner if inner in MODULES else str(node.module)
                found.append(Import(module, target, id(node) in hidden))
    return found


IMPORTS = [one for module in MODULES for one in imports(module)]


def room(module: str) -> str:
    """The room of a module; a module outside all rooms is its own."""
    return module.split(".")[1] if "." in module else ""


def test_every_module_lies_in_a_room() -> None:
    assert {room(module) for module in MODULES} == GROUND | set(ROOMS) | TOP | {""}
    assert {module for module in MODULES if module.count(".") == 1} >= {f"vaebench.{name}" for name in ROOMS}
    for name in ROOMS:
        assert (PACKAGE / name / "__init__.py").is_file()


def test_imports_have_the_one_form_that_fingerprints_follow() -> None:
    """``from vaebench.room.module import name``: `vaebench.study.catalogue.fingerprint` sees no other."""
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] != "vaebench" for alias in node.names), (module, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, (module, node.lineno)
    assert [one for one in IMPORTS if one.imported not in MODULES] == []


def test_no_room_imports_one_above_it() -> None:
    assert {room(one.importer) for one in IMPORTS} >= set(ROOMS)  # there is something to be seen
    allowed = dict.fromkeys(GROUND, GROUND) | {"": set()}
    for number, name in enumerate(ROOMS):
        allowed[name] = GROUND | ({"geometry"} if name == "geometry" else set(ROOMS[: number + 1]))
    allowed |= {name: GROUND | set(ROOMS) | TOP for name in TOP}
    wrong = [one for one in IMPORTS if room(one.imported) not in allowed[room(one.importer)]]
    assert wrong == []
    assert not [one for one in IMPORTS if (room(one.importer), room(one.imported)) == ("interface", "cli")]


def test_modules_import_each_other_in_no_circle() -> None:
    """A package stands for what its ``__init__`` imports, not for what it holds."""
    graph = {
        module: {one.imported for one in IMPORTS if one.importer == module and not one.unseen} for module in MODULES
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None
