"""A YAML file as plain data, in which no key stands twice: YAML's own readers keep the last and say nothing.

Nor does anything hold itself by an alias, or lie deeper, or take more room, than a configuration does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from vaebench.errors import VaebenchError, one_line
from vaebench.files import reading

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LONGEST = 1 << 20  # bytes
DEEPEST = 100
MOST = 100_000  # values


def plain(path: str | Path) -> Any:
    """What a file holds; raises `VaebenchError` if that is no YAML, or if a mapping has a key twice."""
    with reading(path, "YAML", "mend the file"):
        if Path(path).exists() and not Path(path).is_file():
            raise ValueError("it is no file")  # but a folder, or a pipe, which to open is to wait
        with Path(path).open("rb") as file:
            content = file.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise ValueError(f"it is longer than {LONGEST} bytes")
        try:
            _check_depth(content)
            loader = Loader(content)
            try:
                root = loader.get_single_node()
                for key, first, second in _twice(root, set()):
                    raise VaebenchError(
                        f"{path}: the key '{key}' stands in line {first} and again in line {second}: keep one"
                    )
                _size(root, {})
                return None if root is None else loader.construct_document(root)
            finally:
                loader.dispose()
        except yaml.YAMLError as error:
            raise ValueError(one_line(error)) from None


def _check_depth(content: bytes) -> None:
    """ValueError if collections lie deeper than `DEEPEST`: the reader that composes them would end the process."""
    depth = 0
    for event in yaml.parse(content, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"lists and mappings lie more than {DEEPEST} deep")


def _size(node: yaml.Node | None, sizes: dict[int, int]) -> int:
    """How many values a node holds, those of an alias each time; ValueError if they are too many or never end."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in sizes:
        sizes[id(node)] = 0  # until it is known
        inner = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        sizes[id(node)] = 1 + sum(_size(part, sizes) for part in inner)
    line = node.start_mark.line + 1
    if not sizes[id(node)]:
        raise ValueError(f"what begins in line {line} holds itself by an alias: write it out")
    if sizes[id(node)] > MOST:
        raise ValueError(f"what begins in line {line} holds more than {MOST} values by its aliases")
    return sizes[id(node)]


def _twice(node: yaml.Node | None, seen: set[int]) -> Iterator[tuple[str, int, int]]:
    """Keys that a mapping has twice, with both lines; an alias leads to a node that has been seen."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return
    seen.add(id(node))
    lines: dict[str, int] = {}
    for item in node.value:
        key, inner = item if isinstance(node, yaml.MappingNode) else (None, item)
        if isinstance(key, yaml.ScalarNode):
            line = key.start_mark.line + 1
            if key.value in lines:
                yield key.value, lines[key.value], line
            lines[key.value] = line
        yield from _twice(inner, seen)
