"""LaTeX."""

from __future__ import annotations

import re

from vaebench.report.tables.entry import MISSING
from vaebench.report.tables.text import Table, text
from vaebench.study.naming import GREEK
from vaebench.study.tidy import BLOCK

SPECIAL = (
    {character: "\\" + character for character in "&%$#_{}"}
    | {letter: rf"$\{name}$" for name, letter in GREEK.items()}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", MISSING: "---"}
    | {"±": r"$\pm$", "∞": r"$\infty$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "×": r"$\times$"}
    | {"<": "$<$", ">": "$>$", "|": "$|$", "\N{MINUS SIGN}": "$-$"}
)


def latex(table: Table) -> str:
    """A ``tabular`` (package booktabs), with the notes of `markdown` below it."""
    raised = r"\textsuperscript{{{}}}".format
    rows, remarks = text(table, escape, r"\textbf{{{}}}".format, raised)
    blocks = list(zip(*(table.entries.index.get_level_values(level) for level in BLOCK), strict=True))
    body = []
    for row, block, previous in zip(rows[1:], blocks, [None, *blocks], strict=False):
        body += ([r"\midrule"] if block != previous else []) + [" & ".join(row) + r" \\"]
    footnotes = [f"{raised(str(number))} {escape(remark)}" for number, remark in enumerate(remarks, 1)]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{lllr{'l' * (table.entries.index.nlevels - 4)}{'r' * len(table.entries.columns)}}}",
            r"\toprule",
            " & ".join(rows[0]) + r" \\",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\smallskip",
            r"{\footnotesize " + " \\\\\n".join([escape(table.note), *footnotes]) + r"\par}",
            "",
        ]
    )


def escape(plain: str) -> str:
    """Text for LaTeX: what is special there is escaped, Greek letters, signs and minus are set as mathematics."""
    minus = re.sub(r"(?<![^\s\[])-(?=[\d∞])", "\N{MINUS SIGN}", plain)
    return "".join(SPECIAL.get(character, character) for character in minus)
