"""What a report opens with: the answer, as a table and as a figure."""

from __future__ import annotations

import base64
import textwrap
from pathlib import Path

from vaebench.errors import VaebenchError

FIGURE = "scores"
LINE = 5000  # letters: a reader of reStructuredText takes no longer lines than twice that


class Opening:
    """Of results: found out when a report asks for it, in which parameters of jobs stand as `repr` has them."""

    def __init__(self, results: Path) -> None:
        self.results = results

    def __repr__(self) -> str:
        return f"the opening of {self.results}"

    @property
    def text(self) -> str:
        """In reStructuredText, with the figure in it."""
        from vaebench.report.answer import answer, restructured  # with pandas, which a Snakefile does without
        from vaebench.report.results import Results

        try:
            leaders = answer(Results(self.results))
        except VaebenchError as error:
            return f"No answer: ``{error}``"
        table = restructured(leaders) if leaders else "No metric with a better direction has a value."
        figure = self.results / f"figures/{FIGURE}.png"
        if not figure.exists():
            return table
        image = textwrap.wrap(base64.b64encode(figure.read_bytes()).decode(), LINE)
        lines = [
            ".. image:: data:image/png;base64,",
            *(f"   {line}" for line in image),
            "   :width: 100%",
            f"   :alt: {FIGURE}",
        ]
        return "\n".join([table, "", *lines, ""])
