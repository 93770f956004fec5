"""What a page of Markdown shows."""

from __future__ import annotations

import re


def grid(text: str) -> dict[str, list[list[str]]]:
    """Cells of a page's tables, the heading first and without its rule, by the headings above each."""
    found: dict[str, list[list[str]]] = {}
    part = block = ""
    for line in text.splitlines():
        if line.startswith("## "):
            part = line.removeprefix("## ") + ": "
        elif line.startswith("### "):
            block = line.removeprefix("### ")
        elif line.startswith("| ") and not line.startswith("| ---"):
            found.setdefault(part + block, []).append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found
