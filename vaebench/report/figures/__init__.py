"""Figures in one visual language (`style`): a folder is a kind of them, a file a figure, named as the function in it.

A kind's literals, or a figure's own, say what `vaebench.report.figures.draw.draw` gives it, before the palette.
``SCOPE`` is "study" (one figure) or "block" (one for each dataset, architecture and latent size, with ``LATENT``: of
that size alone). ``INPUTS`` are names of tables of the study (``summary``, ``history`` with ``compute``, ``agreement``,
any statistic) or of the block's cells (``distances``), as frames, and of the cells' arrays (``gallery``, ``geometry``),
as {flavour: arrays}. Beside the figure, a function ``finding`` of the same may say in a sentence what it shows.
"""

from __future__ import annotations

from typing import Any

from vaebench.study import catalogue


def facts(name: str) -> dict[str, Any]:
    """``SCOPE``, ``INPUTS``, ``LATENT`` and ``VIEW`` (what a study has to measure) of a figure, None if not stated."""
    kind = catalogue.group_of("figures", name)
    return {
        what: catalogue.stated("figures", name, what) or catalogue.constant("figures", kind, what)
        for what in ("SCOPE", "INPUTS", "LATENT", "VIEW")
    }
