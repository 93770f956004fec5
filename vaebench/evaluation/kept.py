"""Measurements that are kept between jobs: a new metric, or a new seed, does not measure everything again."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vaebench.files import FAULTS, intact, savez, seal, write

Arrays = dict[str, np.ndarray]
KEY, PACKED = "kept_under", "float32"


class Shelf:
    """What was measured of one run, in ``folder/NAME.json`` and ``folder/NAME-*.npz``; without a folder none is kept.

    ``facts`` are all that determines the measurements, but for what each adds to them. A measurement is taken again
    where these differ from what it was taken under, or where its file is not as it was sealed.
    """

    def __init__(self, folder: Path | None, name: str, facts: dict[str, Any]) -> None:
        self.folder, self.name, self.facts = folder, name, facts
        self.found: dict[str, Any] = {}
        if folder is not None and intact(folder / f"{name}.json"):
            with suppress(OSError, ValueError, TypeError):
                self.found = dict(json.loads((folder / f"{name}.json").read_text(), object_hook=_unpacked))

    def _key(self, more: dict[str, Any]) -> str:
        return hashlib.sha256(json.dumps(self.facts | more, sort_keys=True).encode()).hexdigest()

    def rows(self, what: str, more: dict[str, Any], measure: Callable[[], list[Any]]) -> list[Any]:
        """Plain rows named ``what``, in which vectors of float32 may stand: those kept under the same facts, else
        measured."""
        key = self._key(more)
        with suppress(KeyError, TypeError):
            if self.found[what][KEY] == key:
                return self.found[what]["rows"]
        rows = measure()
        self.found[what] = {KEY: key, "rows": rows}
        return rows

    def arrays(self, what: str, more: dict[str, Any], measure: Callable[[], Arrays]) -> Arrays:
        """Arrays named ``what``: those kept under the same facts, else measured."""
        key = self._key(more)
        if self.folder is None:
            return measure()
        path = self.folder / f"{self.name}-{what}.npz"
        if intact(path):
            with suppress(*FAULTS), path.open("rb") as file, np.load(file, allow_pickle=False) as loaded:
                arrays = dict(loaded)
                if str(arrays.pop(KEY)) == key:
                    return arrays
        arrays = measure()
        savez(path, arrays | {KEY: np.array(key)})
        seal(path)
        return arrays

    def close(self) -> None:
        """Keep what was measured."""
        if self.folder is not None:
            path = self.folder / f"{self.name}.json"
            write(path, json.dumps(self.found, default=_packed))
            seal(path)


def _packed(vector: np.ndarray) -> dict[str, str]:
    """A vector of float32 as JSON, to the last bit."""
    return {PACKED: base64.b64encode(vector.astype("<f4", casting="no").tobytes()).decode()}


def _unpacked(value: dict[str, Any]) -> Any:
    return np.frombuffer(base64.b64decode(value[PACKED]), "<f4") if value.keys() == {PACKED} else value
