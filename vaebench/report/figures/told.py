"""What a figure shows, in words that go with its PNG file."""

from __future__ import annotations

from pathlib import Path

from vaebench.files import reading

KEY = "Description"  # of the file's metadata


class Told:
    """What the figure at a path shows: looked up when it is asked for, in a report."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __str__(self) -> str:
        from PIL import Image

        with reading(self.path, "a figure", "delete it, and it is made again"), Image.open(self.path) as image:
            image.load()
            return str(image.info.get(KEY, ""))
