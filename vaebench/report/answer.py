"""The answer of a study: of each question the flavour that is best at it, and whether it is told from the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from vaebench.report.questions import QUESTIONS, of_table
from vaebench.report.results import Results
from vaebench.report.statistic import sign
from vaebench.report.statistics.best import CAVEAT
from vaebench.report.tables.columns import heading, metric_of, over, place
from vaebench.report.tables.entry import MISSING, number
from vaebench.study import catalogue
from vaebench.study.naming import block_name, metric_name, readable
from vaebench.study.tidy import BLOCK, CELL

PLACE = [*BLOCK, "conditions"]
NOTE = (
    "The flavour with the best mean over seeds, its 95 % interval over seeds (of three or more), and from how many of "
    f"the others it is told; of several samplers the best. {CAVEAT}. Controls are left out."
)


class Leader(NamedTuple):
    """The best flavour of a block at a question's metric: mean over ``n`` seeds, interval (NaN for none), and which
    ``others`` are told from it (``worse``), not told (``tied``), or have no interval (``untold``)."""

    question: str
    dataset: str
    architecture: str
    latent: int
    conditions: str
    metric: str
    part: str
    flavour: str
    n: int
    mean: float
    low: float
    high: float
    worse: list[str]
    tied: list[str]
    untold: list[str]

    @property
    def told(self) -> str:
        """In words, how sure it is that it is the best."""
        others = len(self.worse) + len(self.tied) + len(self.untold)
        if not others:
            return "the only one with a value"
        if len(self.untold) == others:
            return f"no interval against the {others} others"
        if len(self.worse) == others:
            return f"told from all {others} others"
        told = f"told from {len(self.worse) or 'none'} of {'the ' * (not self.worse)}{others} others"
        unsure = f", {len(self.untold)} without an interval" * bool(self.untold)
        return told + unsure


def answer(results: Results) -> list[Leader]:
    """The leaders of every block of results, by question; a question that no metric answers is left out.

    Raises `VaebenchError`.
    """
    ends, found = results.summary.set_index([*CELL, "part", "metric"])[["low", "high"]], []
    for question in QUESTIONS:
        for _, rows in headline(results, question).groupby(PLACE, sort=True):
            first = rows[rows["rank"] == 1]
            metric = first["metric"].iloc[0]
            if over(catalogue.group_of("metrics", metric_of(metric))) == "Sampler":  # a flavour has the best of them
                leader = first.loc[(first["mean"] * sign(metric)).idxmax()]
            else:
                leader = first.loc[first["part"].map(place).idxmin()]
            low, high = ends.loc[tuple(leader[[*CELL, "part", "metric"]])]
            rows = rows[rows["part"] == leader["part"]]
            facts: dict[str, Any] = {name: leader[name] for name in (*PLACE, "metric", "part", "flavour")}
            facts |= {"latent": int(leader["latent"]), "n": int(leader["n"]), "mean": float(leader["mean"])}
            facts |= {name: list(rows.loc[rows["standing"] == name, "flavour"]) for name in ("worse", "tied", "untold")}
            found.append(Leader(question, **facts, low=float(low), high=float(high)))
    return found


def headline(results: Results, question: str) -> pd.DataFrame:
    """Ranked rows of the statistic ``best`` of the first metric, of those that tables say answer a question, that has
    any; of none if no metric has."""
    tables = [name for name in catalogue.groups("metrics") if of_table(name) == question]
    metrics = [metric for table in tables for metric in catalogue.constant("metrics", table, "ANSWER") or ()]
    for metric in metrics:
        if metric in set(results.summary["metric"]):
            rows = results.best(metric)
            if rows["rank"].notna().any():
                return rows[rows["rank"].notna()]
    return pd.DataFrame(columns=PLACE)


def restructured(leaders: list[Leader]) -> str:
    """A table in reStructuredText: a row for each question, a column for each block, and its note."""
    blocks = list(dict.fromkeys(block(leader) for leader in leaders))
    several = len({leader.conditions for leader in leaders}) > 1
    rows = [["Question", *(_place(*where, several=several) for where in blocks)]]
    for question in dict.fromkeys(leader.question for leader in leaders):
        of = {block(leader): leader for leader in leaders if leader.question == question}
        metric = next(iter(of.values())).metric
        rows.append([f"{QUESTIONS[question]} {_plain(heading(metric))}", *(_cell(of.get(where)) for where in blocks)])
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'*' if place == 0 else ' '} - {cell}" for place, cell in enumerate(row)]
    return "\n".join([*lines, "", _plain(NOTE)])


def block(leader: Leader) -> tuple[Any, ...]:
    """Where it leads."""
    return tuple(getattr(leader, name) for name in PLACE)


def _place(dataset: str, architecture: str, latent: int, conditions: str, *, several: bool) -> str:
    return _plain(block_name(dataset, architecture, latent) + f" ({conditions})" * several)


def _cell(leader: Leader | None) -> str:
    if leader is None:
        return MISSING
    part = f" ({metric_name(leader.part)})" if leader.part else ""
    value = number(leader.mean, leader.low, leader.high)
    return f"**{_plain(readable(leader.flavour))}**{_plain(part)} {value}; {leader.told}"


def _plain(text: str) -> str:
    for mark in "\\*`_|":
        text = text.replace(mark, f"\\{mark}")
    return text
