"""Publishing results: whole blocks measured apart are the study that one run of all of them is."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from vaebench.cli import main
from vaebench.errors import VaebenchError
from vaebench.report import paper
from vaebench.report.provenance import laid_out
from vaebench.report.publication import publish
from vaebench.report.results import CONDITIONS, TIDY, Results
from vaebench.report.tables import columns
from vaebench.report.tables.forms import pages
from vaebench.report.verification import verify
from vaebench.study.tidy import text

WHOLE = Results(Path(__file__).parents[2] / "results/uncertainty")  # two latent sizes, three flavours, three seeds


FLAVOURS = "vae", "wae_mmd", "ae"


def piece(
    folder: Path,
    latent: int,
    change: Callable[[dict[str, Any]], object] = lambda facts: None,
    flavours: Sequence[str] = FLAVOURS,
) -> Results:
    """The results of a run of one latent size, of which something is changed in the provenance."""
    facts = json.loads(json.dumps(WHOLE.provenance))
    [origin] = facts.pop("pieces")
    facts["machines"] = origin["machines"]
    facts["study"]["latents"] = [latent]
    facts["files"] = {}
    for name, content in WHOLE.tidy().items():
        if name == CONDITIONS:
            cells = [cell for cell in json.loads(content) if cell["latent"] == latent and cell["flavour"] in flavours]
            part = json.dumps(cells).encode()
        else:
            reader = csv.DictReader(io.StringIO(content.decode()))
            rows = [row for row in reader if row["latent"] == str(latent) and row["flavour"] in flavours]
            part = text(rows, reader.fieldnames).encode()
        put(folder, name, part, facts)
    change(facts)
    facts.pop("sha256")
    (folder / "provenance.json").write_text(laid_out(facts))
    return Results(folder)


def put(folder: Path, name: str, content: bytes, facts: dict[str, Any]) -> None:
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    (folder / "tables" / name).write_bytes(content)
    facts["files"][f"tables/{name}"] = hashlib.sha256(content).hexdigest()


def published(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "tables").iterdir()}


def test_two_halves_are_the_whole(tmp_path: Path) -> None:
    halves = piece(tmp_path / "a", 16), piece(tmp_path / "b", 2)
    assert (
        publish([WHOLE], tmp_path / "whole")
        == f"{tmp_path / 'whole'}: 2 blocks of 1 pieces, runs: 18 finished, 0 diverged"
    )
    told = publish(halves, tmp_path / "both")
    assert told == f"{tmp_path / 'both'}: 2 blocks of 2 pieces, runs: 18 finished, 0 diverged"
    whole, both = Results(tmp_path / "whole"), Results(tmp_path / "both")
    assert published(both.folder) == published(whole.folder)
    assert {*published(both.folder)} == {*(f"{name}.gz" for name in TIDY), CONDITIONS}
    for name in TIDY:  # of the whole no row is lost and none is another
        assert sorted(both.tidy()[name].splitlines()) == sorted(WHOLE.tidy()[name].splitlines())
    assert both.study.latents == WHOLE.study.latents and both.study.cells() == WHOLE.study.cells()
    assert [origin["blocks"] for origin in both.provenance["pieces"]] == [
        [["fashion_mnist", "mlp", 16]],
        [["fashion_mnist", "mlp", 2]],
    ]
    assert {origin["machines"][0]["runs"] for origin in both.provenance["pieces"]} == {18}
    shown = [
        dict(pages(results, results.study.families(), columns.of_study(results.study))) for results in (both, WHOLE)
    ]
    assert shown[0] == shown[1] and "geometry.md" in shown[0]


@pytest.fixture
def rows(tmp_path: Path) -> Results:
    """Rows that are held against published values, of two pieces."""

    def of(latent: int, *flavours: str) -> Results:
        claim = {"dataset": "fashion_mnist", "architecture": "mlp", "latent": latent, "value": 1.0, "source": "a paper"}
        claims = {flavour: claim | {"flavour": flavour} for flavour in flavours}

        def change(facts: dict[str, Any]) -> None:
            facts["study"] |= {"flavours": {}, "latents": [], "published": claims}
            facts["observed_test_sets_sha256"] = {"fashion_mnist": {f"convention of {latent}": f"{latent}"}}

        return piece(tmp_path / f"{latent}", latent, change, flavours)

    publish([of(2, "ae"), of(16, "vae", "wae_mmd")], tmp_path / "both")
    return Results(tmp_path / "both")


def test_rows_held_against_published_values_are_joined(rows: Results) -> None:
    """Though each piece has test images of a convention of its own."""
    assert [(cell.flavour, cell.latent) for cell in rows.study.cells()] == [("ae", 2), ("vae", 16), ("wae_mmd", 16)]
    tests = rows.provenance["observed_test_sets_sha256"]
    assert tests == {"fashion_mnist": {"convention of 2": "2", "convention of 16": "16"}}


@pytest.mark.slow
def test_a_paper_has_the_published_values(rows: Results, tmp_path: Path) -> None:
    paper.make(rows, tmp_path / "paper")
    page, shown = ((tmp_path / f"paper/tables/published.{form}").read_text() for form in ("md", "html"))
    ours = WHOLE.summary.query("flavour == 'vae' and latent == 16 and metric == 'nll'").iloc[0]
    told = f"{ours['mean']:.2f} ± {(ours['high'] - ours['low']) / 2:.2f}"
    assert f"| vae | fashion_mnist | 16 | NLL | 1.00 | {told} |" in page and f">{told}</td>" in shown
    assert page.count("| fashion_mnist |") == 3


def test_what_is_published_is_verified_and_published_again(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    publish([piece(tmp_path / "a", 16), piece(tmp_path / "b", 2)], folder)
    before, origins = published(folder), Results(folder).provenance["pieces"]
    assert verify(folder).startswith("verified: 7 files, commit ")
    (folder / "tables/summary.csv").write_text("stale\n")
    publish([Results(folder)], folder)
    assert published(folder) == before and Results(folder).provenance["pieces"] == origins
    path = folder / "tables/metrics.csv.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"7", b"8", 1)))
    with pytest.raises(VaebenchError, match=r"metrics.csv is not what was written \(1 of 7 .*: restore it, or publish"):
        verify(folder)
    with pytest.raises(VaebenchError, match=r"metrics.csv.gz is not the table of its provenance.json"):
        publish([Results(folder)], tmp_path / "other")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(VaebenchError, match=r"metrics.csv is not what was written"):
        verify(folder)
    path.unlink()
    with pytest.raises(VaebenchError, match=r"metrics.csv is gone"):
        verify(folder)
    assert not (tmp_path / "other").exists()


def test_of_a_block_of_several_pieces_the_last_counts(tmp_path: Path) -> None:
    def more_seeds(facts: dict[str, Any]) -> None:
        """Of a later run, with another seed, another judge (which its conditions tell) and other values."""
        facts["study"] |= {"seeds": [0, 1, 2, 3], "judge": {"epochs": 9, "seeds": [0]}}
        facts["commit"] = "later"
        metrics = (tmp_path / "later/tables/metrics.csv").read_bytes().replace(b",elbo,-", b",elbo,-9")
        put(tmp_path / "later", "metrics.csv", metrics, facts)

    publish([WHOLE, piece(tmp_path / "later", 2, more_seeds)], tmp_path / "both")
    found = Results(tmp_path / "both")
    for name in TIDY:
        assert len(found.tidy()[name].splitlines()) == len(WHOLE.tidy()[name].splitlines())
    assert found.study.seeds == [0, 1, 2, 3]
    assert len(found.conditions) == 6 and found.provenance["runs"] == {"finished": 18, "diverged": 0}
    later, others = (origin for origin in sorted(found.provenance["pieces"], key=lambda of: of["commit"] != "later"))
    assert later["blocks"] == [["fashion_mnist", "mlp", 2]] and others["blocks"] == [["fashion_mnist", "mlp", 16]]
    ours = found.needed("metrics").query("metric == 'elbo'").set_index(["flavour", "latent", "seed"])["value"]
    theirs = WHOLE.needed("metrics").query("metric == 'elbo'").set_index(["flavour", "latent", "seed"])["value"]
    for place, value in theirs.dropna().items():
        assert ours[place] == (value if place[1] == 16 else float(str(value).replace("-", "-9")))


def test_pieces_of_one_dataset_each_tell_it_from_their_own(tmp_path: Path) -> None:
    """As a study of one dataset has foreign data that no model is trained on, here the other piece's."""

    def against(dataset: str, other: str) -> Callable[[dict[str, Any]], None]:
        def change(facts: dict[str, Any]) -> None:
            facts["study"]["datasets"] = {dataset: {}}
            facts["study"]["out_of_distribution"] = {dataset: [other]}
            facts["datasets"] = {name: {"prepared_sha256": name} for name in (dataset, other)}
            facts["observed_test_sets_sha256"] = {dataset: {"dynamic": dataset}}
            for name in (*TIDY, CONDITIONS):
                path = tmp_path / dataset / "tables" / name
                put(path.parents[1], name, path.read_bytes().replace(b"fashion_mnist", dataset.encode()), facts)

        return change

    digits = piece(tmp_path / "mnist", 2, against("mnist", "fashion_mnist"))
    clothes = piece(tmp_path / "fashion_mnist", 2, against("fashion_mnist", "mnist"))
    publish([digits, clothes], tmp_path / "both")
    both = Results(tmp_path / "both")
    assert both.study.out_of_distribution == {"mnist": ["fashion_mnist"], "fashion_mnist": ["mnist"]}
    assert [*both.study.datasets] == ["mnist", "fashion_mnist"] and len(both.study.cells()) == 6
    assert {name: of["prepared_sha256"] for name, of in both.provenance["datasets"].items()} == {
        "mnist": "mnist",
        "fashion_mnist": "fashion_mnist",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda facts: facts["study"]["training"].update(epochs=7),
            "its training is not that of .*: publish them apart",
        ),
        (lambda facts: facts["study"].update(convention="static"), "its convention is not that of"),
        (
            lambda facts: facts["study"]["datasets"]["fashion_mnist"]["limits"].update(train=7),
            "datasets of 'fashion_mnist'",
        ),
        (
            lambda facts: facts["datasets"]["fashion_mnist"].update(files_sha256="7"),
            "datasets of 'fashion_mnist' are not",
        ),
        (
            lambda facts: facts["study"].update(latents=[2, 4]),
            "3 cells are in none of the pieces, such as .*/vae/4: measure",
        ),
        (lambda facts: facts.pop("files"), "does not tell files"),
        (lambda facts: facts["files"].update({"tables/metrics.csv": "7"}), "is not the table of its provenance"),
        (lambda facts: facts["files"].pop("tables/metrics.csv"), "metrics.csv is in some of the pieces alone"),
    ],
)
def test_pieces_of_different_studies_are_refused(tmp_path: Path, change: Callable, words: str) -> None:
    pieces = [piece(tmp_path / "a", 16), piece(tmp_path / "b", 2, change)]
    with pytest.raises(VaebenchError, match=words):
        publish(pieces, tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_flavours_of_other_defaults_and_tables_of_other_columns_are_refused(tmp_path: Path) -> None:
    def other_default(facts: dict[str, Any]) -> None:
        cells = json.loads((tmp_path / "b/tables" / CONDITIONS).read_bytes())
        cells[0]["objective"]["settings"] = {"of_before": 1}
        put(tmp_path / "b", CONDITIONS, json.dumps(cells).encode(), facts)

    with pytest.raises(VaebenchError, match="of other hyperparameters: publish them apart"):
        publish([piece(tmp_path / "a", 16), piece(tmp_path / "b", 2, other_default)], tmp_path / "both")

    def other_columns(facts: dict[str, Any]) -> None:
        table = WHOLE.tidy()["history.csv"].replace(b"term", b"name", 1)
        put(tmp_path / "c", "history.csv", table, facts)

    with pytest.raises(VaebenchError, match=r"history\.csv have other columns: publish results of one version"):
        publish([piece(tmp_path / "a", 16), piece(tmp_path / "c", 2, other_columns)], tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_a_studys_own_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(SystemExit, match=f"vaebench: {tmp_path} has runs of its own: publish into another folder"):
        main(["publish", str(WHOLE.folder), "--into", str(tmp_path)])
    main(["publish", str(WHOLE.folder), "--into", str(tmp_path / "mine")])
    assert "2 blocks of 1 pieces, runs: 18 finished, 0 diverged" in capsys.readouterr().out
    command = f"vaebench publish {WHOLE.folder} --into {tmp_path / 'mine'}"
    assert Results(tmp_path / "mine").provenance["command"] == command
