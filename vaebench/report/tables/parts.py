"""How a wide table splits: by what is asked, into parts of a few columns each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from vaebench.report.tables.columns import BASELINES, asked, metric_of, named

MOST = 8  # columns of a part

Column = tuple[str, str]  # name of the numbers, and their part


def parts(table: str, columns: Sequence[Column]) -> dict[str, list[Column]]:
    """The columns of a table, in their order, by what each part is called: "" if one part holds them all.

    What the table asks separates (`vaebench.report.tables.columns.asked`), then its metrics, then, of one metric,
    distances of the model and `BASELINES`. No part has more than `MOST` columns.
    """
    questions: dict[str, list[Column]] = {}
    for column in columns:
        questions.setdefault(asked(table, *column), []).append(column)
    found = {title: part for question, group in questions.items() for title, part in _packed(question, group)}
    return {"": next(iter(found.values()))} if len(found) == 1 else found


def _packed(question: str, columns: Sequence[Column]) -> Iterator[tuple[str, list[Column]]]:
    """What is asked in as many parts as it takes, with the metrics of each in its name where that is needed."""
    if question and len(columns) <= MOST:
        yield question, [*columns]
        return
    pending: list[Column] = []
    for _, group in groupby(columns, lambda column: metric_of(column[0])):
        of_metric = list(group)
        if pending and len(pending) + len(of_metric) > MOST:
            yield _title(question, pending), pending
            pending = []
        if len(of_metric) > MOST:
            yield from _split(question, of_metric)
        else:
            pending += of_metric
    if pending:
        yield _title(question, pending), pending


def _split(question: str, columns: Sequence[Column]) -> Iterator[tuple[str, list[Column]]]:
    """The columns of one metric, of which there are too many for one part."""
    for baseline in (False, True):
        chosen = [column for column in columns if (column[1].partition(" ")[0] in BASELINES) is baseline]
        chunks = [chosen[start : start + MOST] for start in range(0, len(chosen), MOST)]
        for count, chunk in enumerate(chunks, 1):
            title = _title(question, chunk) + (", baselines" if baseline else "")
            yield title + (f" ({count} of {len(chunks)})" if len(chunks) > 1 else ""), chunk


def _title(question: str, columns: Iterable[Column]) -> str:
    names = ", ".join(dict.fromkeys(named(metric_of(name)) for name, _ in columns))
    return f"{question}: {names}" if question else names
