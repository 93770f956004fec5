"""Pages to explore a study: a folder of plain HTML that works from the disk, without a server or a network.

`vaebench.report.site.build.build` writes it. The pages, their style and their scripts are the files of ``pages/``, as
they are but for the frame that all share; what they show lies in ``data/`` beside them, as scripts that call
``receive(name, value)``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

PAGES = Path(__file__).parent / "pages"


def digest() -> str:
    """Of all files of the pages, which are no Python that `vaebench.study.catalogue.fingerprint` could follow."""
    found = hashlib.sha256()
    for path in sorted(path for path in PAGES.iterdir() if path.is_file()):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]
