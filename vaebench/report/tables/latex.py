"""LaTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from vaebench.report.tables.entry import MISSING
from vaebench.report.tables.text import text
from vaebench.study.naming import GREEK
from vaebench.study.tidy import BLOCK

SPECIAL = (
    {character: "\\" + character for character in "&%$#_{}"}
    | {letter: rf"$\{name}$" for name, letter in GREEK.items()}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", MISSING: "---"}
    | {"±": r"$\pm$", "∞": r"$\infty$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "×": r"$\times$"}
    | {"<": "$<$", ">": "$>$", "|": "$|$", "\N{MINUS SIGN}": "$-$"}
)


def latex(table: pd.DataFrame, families: Mapping[str, str], note: str) -> str:
    """A `wide` table as a ``tabular`` (package booktabs), with the notes of `markdown` below it."""
    raised = r"\textsuperscript{{{}}}".format
    rows, reasons = text(table, families, escape, r"\textbf{{{}}}".format, raised)
    blocks = list(zip(*(table.index.get_level_values(level) for level in BLOCK), strict=True))
    body = []
    for row, block, previous in zip(rows[1:], blocks, [None, *blocks[:-1]], strict=True):
        body += ([r"\midrule"] if block != previous else []) + [" & ".join(row) + r" \\"]
    footnotes = [f"{raised(number)} {escape(reason)}" for number, reason in enumerate(reasons, 1)]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{lllr{'r' * len(table.columns)}}}",
            r"\toprule",
            " & ".join(rows[0]) + r" \\",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\smallskip",
            r"{\footnotesize " + " \\\\\n".join([escape(note), *footnotes]) + r"\par}",
            "",
        ]
    )


def escape(plain: str) -> str:
    """Text for LaTeX: what is special there is escaped, Greek letters, signs and minus are set as mathematics."""
    minus = re.sub(r"(?<!\S)-(?=[\d∞])", "\N{MINUS SIGN}", plain)
    return "".join(SPECIAL.get(character, character) for character in minus)
