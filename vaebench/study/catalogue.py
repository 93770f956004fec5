"""What there is to choose from: the file stems of the folders named in `KINDS`.

A stem is the name everywhere: in the configuration, in paths, in tables and in the function or class that the file
defines. A folder inside such a folder is a *group* of it: the family of a flavour, the table of a metric, the kind of a
figure. Everything but `load` only reads source text, so a Snakefile can ask without importing torch.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from vaebench.errors import VaebenchError, among, nearest
from vaebench.study import faults, ranges

PACKAGE = Path(__file__).parents[1]
KINDS = {
    "flavours": "flavours",
    "likelihoods": "model/likelihoods",
    "networks": "model/networks",
    "samplers": "samplers/catalogue",
    "metrics": "evaluation/metrics",
    "latent_metrics": "evaluation/survey/latent_metrics",
    "statistics": "report/statistics",
    "figures": "report/figures",
}


@dataclass(frozen=True)
class Hyperparameter:
    """A keyword-only argument with a default: what a configuration may set."""

    default: Any
    range: ranges.Range


def groups(kind: str) -> dict[str, list[str]]:
    """Sorted names of one kind by their group, groups in the kind's order; "" where a kind has no groups."""
    found: dict[str, list[str]] = {}
    for name, path in sorted(_files(kind).items()):
        found.setdefault("" if path.parent == PACKAGE / KINDS[kind] else path.parent.name, []).append(name)
    order = constant(kind, "", "ORDER") or ()
    return {group: found[group] for group in sorted(found, key=lambda group: ((*order, group).index(group), group))}


def names(kind: str, group: str | None = None) -> list[str]:
    """Sorted names of one kind, or of one group of it."""
    return sorted(_files(kind)) if group is None else groups(kind).get(group, [])


def metric_of(name: str) -> str | None:
    """The metric that gives the numbers of a name: ``kl_per_dimension_3`` is one of ``kl_per_dimension``."""
    known, words = names("metrics"), name.split("_")
    found = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    return next((stem for stem in found if stem in known), None)


def group_of(kind: str, name: str) -> str:
    """The group that a name belongs to."""
    return path_of(kind, name).parent.name


def title(kind: str, group: str) -> str:
    """What a group is called: the first line of its folder's docstring, without the full stop."""
    source = (PACKAGE / KINDS[kind] / group / "__init__.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0].rstrip(".")


def constant(kind: str, group: str, name: str) -> Any:
    """A literal that a group's folder (or, for "", the kind's) states in its ``__init__``; None if it does not."""
    return _literal(ast.parse((PACKAGE / KINDS[kind] / group / "__init__.py").read_text()).body, name)


def stated(kind: str, name: str, what: str) -> Any:
    """A literal that the file of ``name`` states beside what is named so; None if it does not."""
    return _literal(ast.parse(path_of(kind, name).read_text()).body, what)


def _literal(body: list[ast.stmt], name: str) -> Any:
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    return None


@functools.cache
def attribute(kind: str, name: str, what: str) -> Any:
    """A literal that the class ``name`` states in its body; None if it does not."""
    body = ast.parse(path_of(kind, name).read_text()).body
    return _literal(next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == name), what)


def declared(kind: str, name: str) -> dict[str, Any]:
    """The literal arguments of the decorator that makes ``name`` what it is, such as a metric's unit and direction."""
    return dict(_declared(path_of(kind, name)))


@functools.cache
def _declared(path: Path) -> dict[str, Any]:
    body = ast.parse(path.read_text()).body
    definition = next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == path.stem)
    arguments = [word for call in definition.decorator_list if isinstance(call, ast.Call) for word in call.keywords]
    return {word.arg: ast.literal_eval(word.value) for word in arguments if word.arg and _is_literal(word.value)}


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):  # a negative number
        node = node.operand
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Tuple) and all(map(_is_literal, node.elts)))


def load(kind: str, name: str) -> Any:
    """The object that gives file ``name`` its name."""
    module = path_of(kind, name).relative_to(PACKAGE).with_suffix("")
    return getattr(importlib.import_module(".".join(("vaebench", *module.parts))), name)


def path_of(kind: str, name: str) -> Path:
    """The file of a name; raises `VaebenchError` with the nearest names if there is no such file."""
    files = _files(kind)
    return files[among(kind.removesuffix("s"), name, sorted(files))]


def paths(kind: str) -> list[Path]:
    """The files of all names of one kind, and those that say what its groups are."""
    files = [*_files(kind).values()]
    groups = {path.parent / "__init__.py" for path in files}
    return sorted([*files, *(path for path in groups if path.is_file())])


def _files(kind: str) -> dict[str, Path]:
    """File of each name."""
    folder = PACKAGE / KINDS[kind]
    files = [path for pattern in ("[a-z]*.py", "[a-z]*/[a-z]*.py") for path in folder.glob(pattern)]
    if kind == "figures":  # whose folder also holds what figures share
        files = [path for path in files if path.parent != folder]
    found = {path.stem: path for path in files}
    for path in files:
        if found[path.stem] != path:
            raise VaebenchError(f"{path} and {found[path.stem]} are both named '{path.stem}': rename one")
    return found


def caption(kind: str, name: str) -> str:
    """The first paragraph of a file's docstring, as one line."""
    text = ast.get_docstring(ast.parse(path_of(kind, name).read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split())


def hyperparameters(kind: str, name: str) -> dict[str, Hyperparameter]:
    """Hyperparameters that the function or class ``name`` declares, read from its source."""
    return _hyperparameters(path_of(kind, name))


@functools.cache
def _hyperparameters(path: Path) -> dict[str, Hyperparameter]:
    name, tree = path.stem, ast.parse(path.read_text())
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
    """What an annotation allows: a name of `vaebench.study.ranges`, or ``Literal["one", "other"]``."""
    declared = eval(ast.unparse(annotation), vars(ranges) | {"Literal": Literal})
    return ranges.OneOf(get_args(declared)) if get_origin(declared) is Literal else get_args(declared)[1]


def settle(kind: str, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All hyperparameters of ``name``: the given ones, checked, over the defaults.

    Raises `VaebenchError` for an unknown name or a value of the wrong type or outside its range.
    """
    declared, what = hyperparameters(kind, name), f"{kind.removesuffix('s')} '{name}'"
    settled = {key: hyperparameter.default for key, hyperparameter in declared.items()}
    for key, value in given.items():
        if key not in declared:
            raise VaebenchError(f"{what} has no hyperparameter '{key}': {nearest(key, declared)}")
        try:
            settled[key] = declared[key].range.settle(value)
        except ValueError:
            whole = getattr(declared[key].range, "kind", float) is int
            hint = faults.number(value, whole)
            raise VaebenchError(f"{what}: {key} = {value!r} is not {declared[key].range}{hint}") from None
    return settled


def fingerprint(*paths: str | Path) -> str:
    """Hash of the code that files under the package run: the files and, in turn, what they import from the package.

    Comments, layout and docstrings do not count. ``fingerprint("training/engine.py", path_of("flavours", "vae"))``
    changes when the code of the VAE or of the engine does, and stays when that of another flavour does. A folder stands
    for the bytes of its files: what code reads beside itself, weights or pages, no import leads to.
    """
    files = [PACKAGE / path for path in paths]
    folders = [path for path in files if path.is_dir()]
    contents = {path: _source(path)[1].encode() for path in _closure([path for path in files if path not in folders])}
    contents |= {path: path.read_bytes() for folder in folders for path in folder.iterdir() if path.is_file()}
    digest = hashlib.sha256()
    for path in sorted(contents):
        digest.update(str(path.relative_to(PACKAGE)).encode() + contents[path])
    return digest.hexdigest()[:16]


def _closure(pending: list[Path]) -> set[Path]:
    found: set[Path] = set()
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending.extend(_source(path)[0])
    return found


@functools.cache
def _source(path: Path) -> tuple[tuple[Path, ...], str]:
    """Files of the package that a file imports as it loads or runs (not what only type checkers see), and its code."""
    tree = ast.parse(path.read_text())
    hidden: set[int] = set()
    bases: list[Path] = []
    for node in ast.walk(tree):  # what is inside of a node comes after it
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            hidden |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vaebench") and id(node) not in hidden:
            base = PACKAGE.joinpath(*(node.module or "").split(".")[1:])
            bases += [base / alias.name for alias in node.names] + [base]
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    files = (candidate for base in bases for candidate in (base.with_suffix(".py"), base / "__init__.py"))
    imported = tuple(file for file in files if file.is_file() and file != PACKAGE / "__init__.py")
    return imported, ast.unparse(tree)
