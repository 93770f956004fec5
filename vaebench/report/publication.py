"""What to commit of studies: their tidy tables, compressed, and what they came from; blocks of several make one study.

Flavours are compared within a block (one dataset, architecture and latent size) alone, so that whole blocks that were
measured apart, on other days or machines, are together what one run of all of them would have given. Seeds of one block
are not: their paired differences need the values of the same images.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from vaebench.errors import VaebenchError
from vaebench.files import DIGEST, remove, write
from vaebench.report.provenance import CHECKOUT, PACKAGES, commit, laid_out
from vaebench.report.results import CONDITIONS, TIDY, Results
from vaebench.report.tables.conditions import place
from vaebench.study import config, tidy
from vaebench.study.naming import readable
from vaebench.study.tidy import CELL

NAMED = ("datasets", "architectures", "published", "out_of_distribution")  # of a study, what each piece has a part of
LISTED = ("latents", "seeds")
DATA = ("datasets", "observed_test_sets_sha256")  # of a provenance, what is equal where the data are
PLACES = ("pathvars", "mirror")  # of a study, what no number depends on
TOLD = ("judge",)  # of a study, what is told by the conditions of each cell

Block = tuple[str, str, int]
Facts = dict[str, Any]


def publish(pieces: Sequence[Results], folder: Path) -> str:
    """Write tables, conditions and provenance of one study into a folder; what is there, in one line.

    Of a block that several ``pieces`` have, the last one's counts. Raises `VaebenchError`, before anything is written,
    for a table that is not of its piece's provenance, for pieces that differ in what numbers depend on, and for a study
    of which cells are lacking.
    """
    if (folder / "runs").exists():
        raise VaebenchError(f"{folder} has runs of its own: publish into another folder")
    owners = {block: piece for piece in pieces for block in _blocks(piece)}
    parts = {piece: {block for block, owner in owners.items() if owner is piece} for piece in pieces}
    parts = {piece: blocks for piece, blocks in parts.items() if blocks}
    study = _study([*parts]) | {"pathvars": {"results": str(folder)}}
    conditions = [cell for piece, blocks in parts.items() for cell in piece.conditions if _block(cell) in blocks]
    conditions.sort(key=place)
    _refuse_others(config.check(study, str(folder)), conditions)
    tables = dict(_tables(parts)) | {CONDITIONS: (json.dumps(conditions, indent=1) + "\n").encode()}
    runs = _runs(conditions)
    origins = [origin for piece, blocks in parts.items() for origin in _origins(piece, blocks)]
    document = {
        "commit": commit(CHECKOUT),
        "versions": {name: version(name) for name in PACKAGES},
        "runs": runs,
        "pieces": origins,
        **{name: _common(parts, name) for name in DATA},
        "study": study,
        "command": shlex.join(["vaebench", "publish", *(str(piece.folder) for piece in pieces), "--into", str(folder)]),
        "files": {f"tables/{name}": hashlib.sha256(content).hexdigest() for name, content in tables.items()},
    }
    names = {name: name if name == CONDITIONS else f"{name}.gz" for name in tables}
    for name, content in tables.items():
        write(folder / "tables" / names[name], content if name == CONDITIONS else gzip.compress(content, mtime=0))
    write(folder / "provenance.json", laid_out(document))
    remove(*(path for path in folder.glob("tables/*.csv*") if path.name not in names.values()))
    told = ", ".join(f"{count} {status}" for status, count in runs.items())
    return f"{folder}: {len(owners)} blocks of {len(origins)} pieces, runs: {told}"


def _block(cell: Mapping[str, Any]) -> Block:
    return cell["dataset"], cell["architecture"], cell["latent"]


def _blocks(piece: Results) -> list[Block]:
    return list(dict.fromkeys(map(_block, piece.conditions)))


def _study(pieces: Sequence[Results]) -> Facts:
    """The study that has all of the pieces'; the first one's settings are those of all."""
    study, *others = (msgspec.to_builtins(piece.study) for piece in pieces)
    for piece, other in zip(pieces[1:], others, strict=True):
        for name in study.keys() - {*NAMED, *LISTED, *PLACES, *TOLD}:
            if study[name] != other[name]:
                raise VaebenchError(f"{piece.folder}: its {name} is not that of {pieces[0].folder}: publish them apart")
    every = [study, *others]
    for name in NAMED:
        study[name] = _merged(
            [(piece.folder, of[name]) for piece, of in zip(pieces, every, strict=True)], f"{name} of '{{}}'"
        )
    for name in LISTED:
        study[name] = sorted({entry for of in every for entry in of[name]})
    return {name: value for name, value in study.items() if name not in PLACES}


def _common(pieces: Collection[Results], what: str) -> Facts:
    """What the pieces' provenance says of each dataset; each piece may say what no other does, as of its convention."""
    names = dict.fromkeys(name for piece in pieces for name in piece.provenance[what])
    return {
        name: _merged([(piece.folder, piece.provenance[what].get(name, {})) for piece in pieces], f"{what} of '{name}'")
        for name in names
    }


def _merged(facts: Sequence[tuple[Path, Facts]], said: str) -> Facts:
    """Facts of folders by name, where those of one name are the same; raises `VaebenchError` if they are not, with what
    is ``said`` of a name."""
    found: dict[str, tuple[Path, Any]] = {}
    for folder, given in facts:
        for name, value in given.items():
            first, known = found.setdefault(name, (folder, value))
            if known != value:
                raise VaebenchError(f"{folder}: {said.format(name)} are not those of {first}: publish them apart")
    return {name: value for name, (_, value) in found.items()}


def _refuse_others(study: config.Study, conditions: Sequence[Facts]) -> None:
    """Raise `VaebenchError` unless the cells are all of the study's, and of one kind by flavour."""
    measured = {place(cell) for cell in conditions}
    for_a_gpu = {label for label, row in study.published.items() if row.gpu}
    planned = [cell for cell in study.cells() if cell.flavour not in for_a_gpu]
    if lacking := [cell for cell in planned if place(msgspec.structs.asdict(cell)) not in measured]:
        first = "/".join(str(getattr(lacking[0], name)) for name in CELL)
        raise VaebenchError(
            f"{len(lacking)} cells are in none of the pieces, such as {first}: measure them, or give less"
        )
    of_flavour: dict[str, Any] = {}
    for cell in conditions:
        if of_flavour.setdefault(cell["flavour"], cell["objective"]) != cell["objective"]:
            raise VaebenchError(f"pieces have {readable(cell['flavour'])} of other hyperparameters: publish them apart")


def _tables(parts: Mapping[Results, set[Block]]) -> Iterator[tuple[str, bytes]]:
    """The rows of the pieces' blocks by the name of their table, cell by cell, numbers as they were written."""
    given = {piece: piece.tidy() for piece in parts}
    for name in TIDY:
        tables = {piece: tables[name] for piece, tables in given.items() if name in tables}
        if not tables:
            continue
        if without := [piece.folder for piece in parts if piece not in tables]:
            raise VaebenchError(f"{name} is in some of the pieces alone, not in {without[0]}: publish them apart")
        rows: list[Facts] = []
        headings = set()
        for piece, content in tables.items():
            reader = csv.DictReader(io.StringIO(content.decode()))
            found = ({**row, "latent": int(row["latent"])} for row in reader)
            rows += [row for row in found if _block(row) in parts[piece]]
            headings.add(tuple(reader.fieldnames or ()))
        if len(headings) > 1:
            raise VaebenchError(f"the pieces' {name} have other columns: publish results of one version of vaebench")
        yield name, tidy.text(sorted(rows, key=place), headings.pop()).encode()


def _runs(conditions: Sequence[Facts]) -> dict[str, int]:
    diverged = sum(len(cell["diverged"]) for cell in conditions)
    return {"finished": sum(len(cell["seeds"]) for cell in conditions) - diverged, "diverged": diverged}


def _origins(piece: Results, blocks: set[Block]) -> list[Facts]:
    """What the blocks of a piece came from: its provenance, or those of which it was published."""
    known = piece.provenance
    whole = {name: known[name] for name in ("commit", "versions", "machines", "command", DIGEST) if name in known}
    origins = known.get("pieces", [whole | {"blocks": [[*block] for block in _blocks(piece)]}])
    kept = [origin | {"blocks": [block for block in origin["blocks"] if tuple(block) in blocks]} for origin in origins]
    return [origin for origin in kept if origin["blocks"]]
