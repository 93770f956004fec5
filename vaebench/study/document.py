"""A YAML file as plain data, in which no key stands twice: YAML's own readers keep the last and say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from vaebench.errors import VaebenchError, one_line
from vaebench.files import reading

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def plain(path: str | Path) -> Any:
    """What a file holds; raises `VaebenchError` if that is no YAML, or if a mapping has a key twice."""
    with reading(path, "YAML", "mend the file"):
        loader = Loader(Path(path).read_bytes())
        try:
            root = loader.get_single_node()
            for key, first, second in _twice(root, set()):
                raise VaebenchError(
                    f"{path}: the key '{key}' stands in line {first} and again in line {second}: keep one"
                )
            return None if root is None else loader.construct_document(root)
        except yaml.YAMLError as error:
            raise ValueError(one_line(error)) from None
        finally:
            loader.dispose()


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
