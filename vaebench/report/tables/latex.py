"""LaTeX."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from vaebench.report.tables.entry import BELOW, MISSING
from vaebench.report.tables.text import Laid, Marks, Page
from vaebench.study.naming import GREEK

SPECIAL = (
    {character: "\\" + character for character in "&%$#_{}"}
    | {letter: rf"$\{name}$" for name, letter in GREEK.items()}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", MISSING: "---"}
    | {"±": r"$\pm$", "∞": r"$\infty$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "×": r"$\times$"}
    | {"<": "$<$", ">": "$>$", "|": "$|$", "\N{MINUS SIGN}": "$-$", "\N{NO-BREAK SPACE}": "~", BELOW: r"$^\dagger$"}
)
USES = "% Packages: booktabs, longtable, pdflscape. As wide as a page of A4 with margins of 2 cm."
PORTRAIT, LANDSCAPE = 112, 170  # characters of \footnotesize in a line
UPRIGHT, LYING = 72, 48  # lines of a page
AROUND = 8  # lines of a caption and of a heading
GAP = 2  # between two columns
NARROWEST = 9  # line of a heading


class Column(NamedTuple):
    """Numbers of a column in halves that meet at one place, below its heading, and the characters that it takes."""

    heading: str
    cells: Sequence[str]
    width: int


class Piece(NamedTuple):
    """Columns of a sheet that fit on a page, ``upright`` or not, and the caption."""

    sheet: Laid
    columns: Sequence[Column]
    upright: bool
    caption: str


def latex(page: Page) -> str:
    """A ``longtable`` for each sheet, or several where one would be wider than a page, with the notes below them.

    Numbers of a column meet at their ± or bracket, or at their decimal points where none has an interval.
    """
    pieces = [piece for sheet in page.sheets for piece in _pieces(sheet, page.title)]
    lines = [USES, r"{\footnotesize\setlength{\tabcolsep}{4pt}"]
    for upright, group in groupby(pieces, lambda piece: piece.upright):
        body = list(_broken(group, UPRIGHT if upright else LYING))
        lines += body if upright else [r"\begin{landscape}", *body, r"\end{landscape}"]
    said = [escape(note) + "." for note in page.notes]
    said += [f"{_raised([number])} {escape(remark)}" for number, remark in enumerate(page.footnotes, 1)]
    return "\n".join([*lines, r"\raggedright", " \\\\\n".join(said), r"\par}", ""])


def _broken(pieces: Iterable[Piece], height: int) -> Iterator[str]:
    """Tables one below the other, each on a new page if what is left of the last is not enough for it."""
    left = height
    for piece in pieces:
        families = len({row.family for row in piece.sheet.rows})
        lines = AROUND + len(piece.sheet.rows) + 2 * families
        if lines > left and left < height:
            yield r"\newpage"
            left = height
        yield from _longtable(piece)
        left -= lines


def _pieces(sheet: Laid, title: str) -> Iterator[Piece]:
    """A sheet upright if it fits, else on its side, in as few and as equal shares as fit there."""
    columns = [_column(sheet, index) for index in range(len(sheet.columns))]
    names = zip(sheet.names, *([text for text, _ in row.names] for row in sheet.rows), strict=True)
    taken = sum(GAP + max(map(len, texts)) for texts in names)
    upright = taken + sum(column.width for column in columns) <= PORTRAIT
    shares = [columns] if upright else _shares(columns, LANDSCAPE - taken)
    caption = ". ".join(filter(None, [title, sheet.part[:1].upper() + sheet.part[1:], sheet.block]))
    for number, share in enumerate(shares, 1):
        yield Piece(sheet, share, upright, caption + (f" ({number} of {len(shares)})" if len(shares) > 1 else ""))


def _shares(columns: Sequence[Column], room: int) -> list[Sequence[Column]]:
    """Runs of columns that fit into the ``room`` each, as few as that takes and nearly as many in each."""
    shares: list[Sequence[Column]] = []
    for count in range(1, len(columns) + 1):
        ends = [round(len(columns) * share / count) for share in range(count + 1)]
        shares = [columns[start:end] for start, end in pairwise(ends)]
        if all(sum(column.width for column in share) <= room for share in shares):
            break
    return shares


def _column(sheet: Laid, index: int) -> Column:
    """A column as it is set, its heading in lines about as wide as its numbers."""
    entries = [row.entries[index] for row in sheet.rows]
    meeting = r" (?=[±\[])" if any(" " in entry.text for entry, _ in entries) else r"\.(?=\d)"
    halves = [_halves(entry.text, meeting) for entry, _ in entries]
    width = sum(max(len(half[side]) for half in halves) for side in (0, 1))
    cells = []
    for (entry, marks), half in zip(entries, halves, strict=True):
        left, right = (rf"\textbf{{{escape(part)}}}" if entry.bold and part else escape(part) for part in half)
        cells.append(f"{left} & {right}{escape(BELOW) if entry.below else ''}{_raised(marks)}")
    heading = sheet.columns[index]
    text = re.sub(" (?=[↑↓])", "\N{NO-BREAK SPACE}", heading.text)
    lines = textwrap.wrap(text, max(NARROWEST, width), break_long_words=False, break_on_hyphens=False)
    stacked = r"\\".join(map(escape, lines)) + _raised(heading.marks)
    stacked = rf"\multicolumn{{2}}{{r}}{{\shortstack[r]{{{stacked}}}}}"
    return Column(stacked, cells, GAP + max(width + 1, *map(len, lines)))


def _halves(text: str, meeting: str) -> tuple[str, str]:
    """What stands before and behind the place at which the numbers of a column meet, the space there as it prints."""
    split = re.search(f"{meeting}|$", text)
    assert split is not None
    return text[: split.start()], text[split.start() :].replace(" ", "\N{NO-BREAK SPACE}", 1)


def _longtable(piece: Piece) -> list[str]:
    sheet, count = piece.sheet, len(piece.columns)
    head = [*map(escape, sheet.names), *(column.heading for column in piece.columns)]
    lines = [
        r"\setlength{\LTcapwidth}{\linewidth}",
        rf"\begin{{longtable}}{{@{{}}{'l' * len(sheet.names)}{'r@{}l' * count}@{{}}}}",
        rf"\caption{{{escape(piece.caption)}{_raised(sheet.marks)}}} \\",
        *(r"\toprule", " & ".join(head) + r" \\", r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot"),
    ]
    family, whole = "", rf"\multicolumn{{{len(sheet.names) + 2 * count}}}{{@{{}}l}}"
    for row, *cells in zip(sheet.rows, *(column.cells for column in piece.columns), strict=True):
        if row.family != family:
            rule = [r"\midrule" if row.control else r"\addlinespace"] if family else []
            lines += [*rule, rf"{whole}{{\emph{{{escape(row.family)}}}}} \\*"]
            family = row.family
        names = [escape(text) + _raised(marks) for text, marks in row.names]
        lines.append(" & ".join([*names, *cells]) + r" \\")
    return [*lines, r"\end{longtable}"]


def _raised(marks: Marks) -> str:
    return rf"\textsuperscript{{{', '.join(map(str, marks))}}}" if marks else ""


def escape(plain: str) -> str:
    """Text for LaTeX: what is special there is escaped, Greek letters, signs and minus are set as mathematics."""
    minus = re.sub(r"(?<![^\s\[])-(?=[\d∞])", "\N{MINUS SIGN}", plain)
    return "".join(SPECIAL.get(character, character) for character in minus)
