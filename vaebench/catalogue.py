"""What there is to choose from: the file stems of the folders named in `KINDS`.

A stem is the name everywhere: in the configuration, in paths, in tables and in the function or class that the file
defines. Everything but `load` only reads source text, so a Snakefile can ask without importing torch.
"""

from __future__ import annotations

import ast
import difflib
import functools
import hashlib
import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from . import ranges
from .errors import VaebenchError

PACKAGE = Path(__file__).parent
KINDS = {
    "flavours": "flavour",
    "likelihoods": "likelihood",
    "networks": "network",
    "metrics": "metric",
    "metrics/geometry": "metric",
    "figures/summary": "figure",
    "figures/gallery": "gallery",
    "figures/agreement": "figure of agreement",
    "figures/plane": "figure of a plane",
    "figures/geometry": "figure of the geometry",
}


@dataclass(frozen=True)
class Hyperparameter:
    """A keyword-only argument with a default: what a configuration may set."""

    default: Any
    range: ranges.Range


def names(kind: str) -> list[str]:
    """Sorted names of one kind."""
    return sorted(path.stem for path in (PACKAGE / kind).glob("[a-z]*.py"))


def load(kind: str, name: str) -> Any:
    """The object that gives file ``name`` its name."""
    return getattr(importlib.import_module(f"vaebench.{kind.replace('/', '.')}.{known(kind, name)}"), name)


def known(kind: str, name: str) -> str:
    """``name`` itself; raises `VaebenchError` with the nearest names if there is no such file."""
    return among(KINDS[kind], name, names(kind))


def among(what: str, name: str, candidates: Iterable[str]) -> str:
    """``name`` itself; raises `VaebenchError` with the nearest candidates if it is none of them."""
    candidates = list(candidates)
    if name not in candidates:
        raise VaebenchError(f"unknown {what} '{name}': {nearest(name, candidates)}")
    return name


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The mend for a mistyped name: the near ones, else all."""
    candidates = list(candidates)
    close = difflib.get_close_matches(name, candidates, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(candidates) or 'none'}"


def caption(kind: str, name: str) -> str:
    """The first paragraph of a file's docstring, as one line."""
    text = ast.get_docstring(ast.parse((PACKAGE / kind / f"{known(kind, name)}.py").read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split())


@functools.cache
def hyperparameters(kind: str, name: str) -> dict[str, Hyperparameter]:
    """Hyperparameters that the function or class ``name`` declares, read from its source."""
    tree = ast.parse((PACKAGE / kind / f"{known(kind, name)}.py").read_text())
    definition = next(n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name)
    body = [definition] if isinstance(definition, ast.FunctionDef) else definition.body
    node = next((n for n in body if isinstance(n, ast.FunctionDef) and n.name in (name, "__init__")), None)
    if node is None:
        return {}
    return {
        argument.arg: Hyperparameter(ast.literal_eval(default), _range(argument.annotation))
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if default is not None and argument.annotation is not None
    }


def _range(annotation: ast.expr) -> ranges.Range:
    """What an annotation allows: a name of `vaebench.ranges`, or ``Literal["one", "other"]``."""
    declared = eval(ast.unparse(annotation), vars(ranges) | {"Literal": Literal})
    return ranges.OneOf(get_args(declared)) if get_origin(declared) is Literal else get_args(declared)[1]


def settle(kind: str, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All hyperparameters of ``name``: the given ones, checked, over the defaults.

    Raises `VaebenchError` for an unknown name or a value of the wrong type or outside its range.
    """
    declared = hyperparameters(kind, name)
    settled = {key: hyperparameter.default for key, hyperparameter in declared.items()}
    for key, value in given.items():
        if key not in declared:
            raise VaebenchError(f"{KINDS[kind]} '{name}' has no hyperparameter '{key}': {nearest(key, declared)}")
        try:
            settled[key] = declared[key].range.settle(value)
        except ValueError:
            raise VaebenchError(f"{KINDS[kind]} '{name}': {key} = {value!r} is not {declared[key].range}") from None
    return settled


def fingerprint(*paths: str) -> str:
    """Hash of the code that files under the package run: the files and, in turn, what they import from the package.

    Comments, layout and docstrings do not count. ``fingerprint("engine.py", "flavours/vae.py")`` changes when the code
    of the VAE or of the engine does, and stays when that of another flavour does.
    """
    digest = hashlib.sha256()
    for path in sorted(_closure([PACKAGE / path for path in paths])):
        digest.update(str(path.relative_to(PACKAGE)).encode() + _code(path).encode())
    return digest.hexdigest()[:16]


def _closure(pending: list[Path]) -> set[Path]:
    found: set[Path] = set()
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending.extend(_imports(path))
    return found


@functools.cache
def _imports(path: Path) -> tuple[Path, ...]:
    """Files of the package that a file imports as it loads or runs (what only type checkers see is left out)."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and id(node) not in hidden:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            found += [base / alias.name for alias in node.names] + [base]
    files = (candidate for base in found for candidate in (base.with_suffix(".py"), base / "__init__.py"))
    return tuple(file for file in files if file.is_file() and file != PACKAGE / "__init__.py")


@functools.cache
def _code(path: Path) -> str:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
