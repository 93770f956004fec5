"""What is wrong with plain data that do not fit a type: where, in the words of a configuration, and what to write.

msgspec tells whether they fit; its messages name types, and an entry of a mapping ``[...]``.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from typing import Any

from msgspec import NODEFAULT
from msgspec import inspect as types

from vaebench.errors import nearest


def explain(value: Any, kind: Any) -> str:
    """The first fault of plain data that do not fit a type, as ``training.epochs: 0 is not an integer >= 1``."""
    return next(_faults(value, types.type_info(kind), ""), "it cannot be read")


def number(text: Any, whole: bool) -> str:
    """For a text that reads as a number, such as YAML makes of ``1e-3``: what to write in its place; else nothing."""
    try:
        value = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return ""
    if not math.isfinite(value) or (whole and not value.is_integer()):
        return ""
    mantissa, exponent, power = text.strip().lower().partition("e")
    if whole or not exponent:
        return f", it is text: write {int(value) if whole else mantissa}"
    return f", it is text: write {mantissa if '.' in mantissa else f'{mantissa}.0'}e{int(power):+}"


def _faults(value: Any, kind: types.Type, at: str, example: Any = None) -> Iterator[str]:
    """Every fault of a value at a place; ``example`` is one of a right value."""
    if isinstance(kind, types.Metadata):
        yield from _faults(value, kind.type, at, *_examples(kind)[:1])
    elif isinstance(kind, types.UnionType):
        if value is not None or not kind.includes_none:
            for option in kind.types:
                if not isinstance(option, types.NoneType):
                    yield from _faults(value, option, at, example)
    elif isinstance(kind, types.StructType | types.DictType):
        if not isinstance(value, dict):
            yield _no_container("a mapping", value, at, _example(value, kind) if example is None else example)
        elif isinstance(kind, types.StructType):
            yield from _fields(value, kind, at)
        else:
            yield from _entries(value, kind, at, example)
    elif isinstance(kind, types.ListType):
        if not isinstance(value, list | tuple):
            fits = next(_faults(value, kind.item_type, at), None) is None
            yield _no_container("a list", value, at, [value] if fits else example)
        elif len(value) < (kind.min_length or 0):
            yield f"{at}: the list is empty: write {_flow(at, example)}"
        else:
            for index, item in enumerate(value):
                yield from _faults(item, kind.item_type, f"{at}[{index}]")
    elif wrong := _scalar(value, kind):
        yield f"{at}: {wrong}".removeprefix(": ")


def _fields(value: dict[Any, Any], kind: types.StructType, at: str) -> Iterator[str]:
    names = {field.encode_name: field for field in kind.fields}
    for key in value:
        if key not in names:
            yield f"{at}: unknown key {_shown(key)}: {nearest(str(key), names)}".removeprefix(": ")
    for name, field in names.items():
        if name in value:
            yield from _faults(value[name], field.type, f"{at}.{name}".strip("."))
        elif field.required:
            more = "".join(f", such as {_flow(name, example)}" for example in _examples(field.type)[:1])
            yield f"{at}: the key '{name}' is missing: give it{more}".removeprefix(": ")


def _entries(value: dict[Any, Any], kind: types.DictType, at: str, example: Any) -> Iterator[str]:
    if len(value) < (kind.min_length or 0):
        yield f"{at}: it is empty: write {_flow(at, example)}"
    for key, inner in value.items():
        if isinstance(kind.key_type, types.LiteralType) and key not in kind.key_type.values:
            yield f"{at}: unknown key {_shown(key)}: {nearest(str(key), sorted(map(str, kind.key_type.values)))}"
        elif wrong := _scalar(key, kind.key_type):
            yield f"{at}: {wrong}"
        yield from _faults(inner, kind.value_type, f"{at}.{key}".strip("."))


def _no_container(what: str, value: Any, at: str, example: Any) -> str:
    """That a value is no mapping, or no list, and what one would be."""
    said = "it is empty" if value is None else f"{_shown(value)} is not {what}"
    return f"{at}: {said}: write {_flow(at, example)}".removeprefix(": ")


def _scalar(value: Any, kind: types.Type) -> str:
    """What is wrong with a single value; empty if nothing is."""
    if isinstance(kind, types.IntType | types.FloatType):
        whole = isinstance(kind, types.IntType)
        if isinstance(value, int if whole else int | float) and not isinstance(value, bool) and _within(value, kind):
            return ""
        finite = not isinstance(value, float) or math.isfinite(value)
        what = "an integer" if whole else "a number" if finite else "a finite number"
        return f"{_shown(value)} is not {what}{_ends(kind, value)}{number(value, whole)}"
    if isinstance(kind, types.LiteralType):
        if isinstance(value, str) and value in kind.values:
            return ""
        return f"{_shown(value)} is no choice: {nearest(str(value), map(str, kind.values))}"
    if isinstance(kind, types.StrType):
        if kind.pattern is not None and not (isinstance(value, str) and re.search(kind.pattern, value)):
            plain = re.sub(r"[^a-z0-9]+", "_", str(value).lower()).strip("_")
            named = plain if re.match("[a-z]", plain) else f"n_{plain}".strip("_")
            return f"{_shown(value)} is no name: take small letters, digits and _, such as {named}"
        if not isinstance(value, str):
            return f"{_shown(value)} is not text: write '{value}'"
        return "the text is empty" if len(value) < (kind.min_length or 0) else ""
    if isinstance(kind, types.BoolType) and not isinstance(value, bool):
        return f"{_shown(value)} is not true or false"
    return ""


def _within(value: float, kind: types.IntType | types.FloatType) -> bool:
    low = -math.inf if kind.ge is None else kind.ge
    high = math.inf if kind.le is None else kind.le
    return low <= value <= high and (kind.gt is None or value > kind.gt) and (kind.lt is None or value < kind.lt)


def _ends(kind: types.IntType | types.FloatType, value: Any) -> str:
    """`` >= 1``; an upper end that is what a machine counts to only if the value lies above it."""
    ends = [(">", kind.gt), (">=", None if kind.ge == -sys.float_info.max else kind.ge), ("<", kind.lt)]
    if isinstance(value, int) and kind.le is not None and value > kind.le:
        ends = [("<=", kind.le)]
    return " and".join(f" {sign} {end}" for sign, end in ends if end is not None)


def _example(value: Any, kind: types.StructType | types.DictType) -> dict[str, Any]:
    """A right value: of a struct its first key, with what stands in the struct's place if it fits, or its default."""
    if isinstance(kind, types.DictType) or not kind.fields:
        return {}
    first = kind.fields[0]
    if value is not None and next(_faults(value, first.type, ""), None) is None:
        return {first.encode_name: value}
    right = next(iter(_examples(first.type)), first.default)
    return {} if right in (NODEFAULT, None) else {first.encode_name: right}


def _examples(kind: types.Type) -> list[Any]:
    """The right values that a type's annotation gives."""
    return (kind.extra_json_schema or {}).get("examples", []) if isinstance(kind, types.Metadata) else []


def _flow(at: str, example: Any) -> str:
    """``training: {epochs: 50}``: a value under the last name of its place."""
    written = re.sub(r'"([^"]*)"', r"\1", json.dumps(example, ensure_ascii=False))
    return f"{re.sub(r'^.*[.]', '', at)}: {written}" if at else written.removeprefix("{").removesuffix("}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
