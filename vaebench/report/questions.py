"""The questions by which a report is laid out. Each table and figure states its own.

A folder of metrics states the ``QUESTION`` of its table, a figure its own, or its folder that of all in it.
"""

from __future__ import annotations

from vaebench.study import catalogue

QUESTIONS = {
    "best": "Which is best?",
    "likelihood": "How likely are images?",
    "reconstruction": "How well are images reconstructed?",
    "generation": "How well are images generated?",
    "codes": "What do codes tell?",
    "geometry": "What is the geometry?",
    "seeds": "Do seeds agree?",
    "cost": "What did it cost?",
}
# Those which no folder of metrics has.
OF_TABLES = {"differences": "best", "distances": "seeds", "agreement": "seeds", "compute": "cost"}
OTHER = "Other"


def of_table(name: str) -> str | None:
    """The question that a table answers, a key of `QUESTIONS`; None if its folder states none."""
    if name in OF_TABLES:
        return OF_TABLES[name]
    return catalogue.constant("metrics", name, "QUESTION") if name in catalogue.groups("metrics") else None


def of_figure(name: str) -> str | None:
    """The question that a figure answers; None if neither it nor its folder states one."""
    stated = catalogue.stated("figures", name, "QUESTION")
    return stated or catalogue.constant("figures", catalogue.group_of("figures", name), "QUESTION")


def of_statistic(name: str) -> str:
    """The question that a statistic answers: that of the last of the tables that it is made of."""
    return OF_TABLES.get(catalogue.stated("statistics", name, "INPUTS")[-1], "best")


def category(question: str | None) -> str:
    """What a report files the answers to a question under: reports sort by these names, hence their numbers."""
    if question is None:
        return OTHER
    return f"{[*QUESTIONS].index(question) + 1}. {QUESTIONS[question]}"
