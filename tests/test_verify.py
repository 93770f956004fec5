"""``vaebench verify``: no bit of a study's results can flip without its being named, with what repairs it."""

from __future__ import annotations

import json
import random
import re
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from faults import fault

from vaebench.cli import main
from vaebench.data.card import card
from vaebench.data.dataset import load
from vaebench.data.prepare import prepare
from vaebench.data.sources import Dataset, Limits
from vaebench.evaluation.measure import measure
from vaebench.files import job, opened, savez, write
from vaebench.report import provenance
from vaebench.report.figures import style
from vaebench.report.figures.sheet import sheet
from vaebench.report.summary import gather, join, summarise
from vaebench.report.verification import Verified, verify
from vaebench.study import config
from vaebench.study.config import Evaluation
from vaebench.study.tidy import METRICS, text
from vaebench.training import runs

CPU = torch.device("cpu")
CELL = config.cell("vae", latent=2, epochs=1, batch_size=50, network_settings={"hidden": [8]})
COMMAND = "snakemake --cores all --configfile=mine.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of one flavour on the digits, by the steps of the workflow."""
    results = tmp_path_factory.mktemp("results")
    store, facts, picture = (results / f"data/digits.{form}" for form in ("safetensors", "json", "png"))
    with job([], [store, facts, picture]):
        prepare("digits", Dataset(limits=Limits(100, 30, 40)), None, store)
        data = load(store)
        write(facts, json.dumps(card(data)))
        style.save(sheet(data, card(data)), [picture])
    manifest = results / "runs/digits/mlp/vae/z2.json"
    with job([store], [manifest]):
        write(manifest, runs.manifest(CELL, runs.train(CELL, [0], data, manifest.with_suffix(""), device=CPU)))
    cell = results / "evaluations/digits/mlp/vae/z2"
    outputs = [cell / name for name in ("metrics.csv", "gallery.npz", "conditions.json")]
    with job([store, manifest], outputs):
        found = measure(CELL, runs.listed(manifest), data, Evaluation(2, 5, 2), None, CPU, cell / "kept")
        write(outputs[0], text(found.metrics, METRICS))
        savez(outputs[1], found.gallery)
        write(outputs[2], json.dumps(found.conditions))
    tables = [results / "tables" / name for name in ("metrics.csv", "summary.csv")]
    with job(outputs, tables):
        write(tables[0], join(outputs[:1]))
        write(tables[1], summarise(gather(tables[:1])).to_csv(index=False))
    files = provenance.chain(results, [results / "tables", results / "tables/.sha256"])  # folders, which are no files
    write(results / "provenance.json", provenance.collect({}, [manifest], [outputs[2]], [facts], files, COMMAND))
    return results


def broken(results: Path) -> tuple[Path, list[Path]]:
    """The first broken link by the line that names it, and what that says is to be removed."""
    line = fault(verify, results)
    repair, _, command = line.partition("repair it by rm -f ")[2].partition(" && ")
    assert command == COMMAND, line
    first, *removed = map(Path, shlex.split(repair))
    assert first == results / "provenance.json"  # which asks for all others
    return Path(line.partition(" is ")[0]), removed


def test_whole_results_are_one_line(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["verify", str(made)])
    files = [path for path in made.rglob("*") if path.is_file() and path.name != "provenance.json"]
    line = capsys.readouterr().out
    assert line.startswith(f"verified: {len(files)} files, commit ") and line.count("\n") == 1


def test_each_of_fifty_flipped_bits_is_found(made: Path) -> None:
    """Wherever it lies, by the name of its file."""
    files = sorted(path for path in made.rglob("*") if path.is_file())
    draw = random.Random(0)
    sizes = [path.stat().st_size for path in files]
    places = draw.choices(files, sizes, k=25) + draw.choices(files, k=25)  # of all bits alike, and of all files
    found = 0
    for path in places:
        whole = path.read_bytes()
        place = draw.randrange(8 * len(whole))
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        if path.name == "provenance.json":
            found += fault(verify, made).startswith(f"{path}: cannot be read as provenance (")
        else:
            found += broken(made)[0] == path
        path.write_bytes(whole)
    assert found == 50
    assert verify(made).startswith("verified: ")


@pytest.mark.parametrize(
    ("names", "causes"),
    [
        (["tables/summary.csv"], ["tables/summary.csv"]),
        (["tables/summary.csv", "tables/metrics.csv", "data/digits.png"], ["data/digits.png"]),
        (["tables/.sha256/summary.csv"], ["tables/.sha256/summary.csv", "tables/summary.csv"]),
        (
            ["runs/digits/mlp/vae/z2/seed0/last.safetensors", "evaluations/digits/mlp/vae/z2/metrics.csv"],
            [
                "runs/digits/mlp/vae/z2/seed0/run.json",
                "runs/digits/mlp/vae/z2.json",
                "runs/digits/mlp/vae/z2/seed0/last.safetensors",
            ],
        ),
        (
            ["evaluations/digits/mlp/vae/z2/kept/seed0.json"],
            ["evaluations/digits/mlp/vae/z2/conditions.json", "evaluations/digits/mlp/vae/z2/kept/seed0.json"],
        ),
    ],
)
def test_the_first_broken_link_is_named_with_its_causes(
    made: Path, tmp_path: Path, names: list[str], causes: list[str]
) -> None:
    results = shutil.copytree(made, tmp_path / "results")
    for name in names:
        (results / name).write_bytes(b"")
    first, removed = broken(results)
    assert removed == [results / name for name in causes] and first.relative_to(results).as_posix() in names
    first.unlink()
    assert fault(verify, results).startswith(f"{first} is gone ({len(names)} of ")


def test_a_report_says_whether_it_is_verified(made: Path, tmp_path: Path) -> None:
    """When it is made, and not when the workflow is read."""
    results = tmp_path / "results"
    words = Verified(results)
    assert "cannot be read as provenance" in str(words)
    shutil.copytree(made, results)
    files = sum(path.is_file() for path in results.rglob("*")) - 1
    commit = opened((results / "provenance.json").read_text())["commit"]
    found = re.fullmatch(r"\*\*Verified\*\* at (.* UTC), commit (.*), (\d+) files\.", str(words))
    assert found and found[2] == str(commit) and found[3] == str(files)
    told = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - told).total_seconds()) < 60
    (results / "tables/summary.csv").unlink()
    assert "**Not verified** at " in str(words) and f"``{results}/tables/summary.csv is gone (1 of " in str(words)


def test_without_provenance_nothing_is_verified(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["verify", str(tmp_path)])
    assert str(caught.value).startswith(f"vaebench: {tmp_path}/provenance.json: cannot be read as provenance (")
    assert str(caught.value).endswith("run the workflow to its end")


def test_provenance_is_not_written_of_what_is_damaged(made: Path, tmp_path: Path) -> None:
    results = shutil.copytree(made, tmp_path / "results")
    path = results / "evaluations/digits/mlp/vae/z2/gallery.npz"
    path.write_bytes(path.read_bytes()[:-1])
    assert fault(provenance.chain, results).startswith(f"{path} was damaged (")
    assert not path.exists()  # so that the workflow makes it again
