"""Pages to explore a study: a folder of plain HTML that works from the disk, without a server or a network.

`vaebench.report.site.build.build` writes it. The pages, their style and their scripts are the files of ``pages/``, as
they are but for the frame that all share; what they show lies in ``data/`` beside them, as scripts that call
``receive(name, value)``.
"""

from __future__ import annotations

from pathlib import Path

PAGES = Path(__file__).parent / "pages"
