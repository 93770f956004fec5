"""Figures in one visual language (`style`): a folder is a kind of them, a file a figure, named as the function in it.

A kind's literals, or a figure's own, say what `vaebench.report.figures.draw.draw` gives it, before the palette.
``SCOPE`` is "study" (one figure) or "block" (one for each dataset, architecture and latent size, with ``LATENT``: of
that size alone). ``INPUTS`` are names of tables of the study (``summary``, ``history`` with ``compute``, ``agreement``,
any statistic) or of the block's cells (``distances``), as frames, and of the cells' arrays (``gallery``, ``geometry``),
as {flavour: arrays}. Beside the figure, a function ``finding`` of the same may say in a sentence what it shows.
"""

from __future__ import annotations

from typing import Any

from vaebench.study import catalogue, views
from vaebench.study.config import Study

Block = tuple[str, str, int]  # dataset, architecture and latent size


def facts(name: str) -> dict[str, Any]:
    """``SCOPE``, ``INPUTS``, ``LATENT`` and ``VIEW`` (what a study has to measure) of a figure, None if not stated."""
    kind = catalogue.group_of("figures", name)
    return {
        what: catalogue.stated("figures", name, what) or catalogue.constant("figures", kind, what)
        for what in ("SCOPE", "INPUTS", "LATENT", "VIEW")
    }


def drawn(study: Study) -> dict[str, dict[str, Any]]:
    """Facts of the figures of what a study measures, by name."""
    seen, lacking = (None, *views.measured(study)), set() if study.geometry else {"geometry", "distances", "agreement"}
    every = {name: facts(name) for name in catalogue.names("figures")}
    return {name: of for name, of in every.items() if of["VIEW"] in seen and not lacking & {*of["INPUTS"]}}


def places(study: Study) -> dict[str, tuple[str, Block | None]]:
    """Where the figures of a study stand, without suffix: the name of each, and the block that it is of, if of one."""
    found: dict[str, tuple[str, Block | None]] = {}
    blocks: dict[str, Block] = {cell.block: (cell.dataset, cell.architecture, cell.latent) for cell in study.cells()}
    for name, of in drawn(study).items():
        if of["SCOPE"] == "study":
            found[name] = name, None
        else:
            chosen = {label: block for label, block in blocks.items() if of["LATENT"] in (None, block[2])}
            found |= {f"{name}/{label}": (name, block) for label, block in chosen.items()}
    return found
