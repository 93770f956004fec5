"""The workflow as a user runs it: real subprocesses in a copy of the checkout, on real data."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from vaebench.data.dataset import load
from vaebench.data.sources import SOURCES
from vaebench.evaluation import judge
from vaebench.files import SEALS
from vaebench.report import statistic
from vaebench.report.figures import facts
from vaebench.report.results import Results
from vaebench.report.verification import check
from vaebench.study import catalogue, config

ROOT = Path(__file__).parents[2]
MIRROR = Path(os.environ.get("VAEBENCH_MIRROR", ROOT.parent / "shared/mirror")).absolute()
CONFIG = {
    "datasets": {"digits": {"limits": {"train": 200, "validation": 100, "test": 100}}},
    "architectures": {"mlp": {"hidden": [16]}},
    "flavours": {"ae": {}, "beta_vae": {"beta": 2}, "mean": {}},
    "latents": [2],
    "seeds": [0, 1],
    "training": {"epochs": 2, "batch_size": 64},
    "evaluation": {"importance_samples": 10, "importance_images": 50, "gallery_images": 4},
    "geometry": {"points": 20, "pairs": 6},
}


def workspace(folder: Path) -> Path:
    """A copy of what the repository holds, to run and to edit."""
    for name in ("Snakefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("workflow", "vaebench", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "profiles").symlink_to("workflow/profiles")
    return folder


def snakemake(folder: Path, *arguments: str, settings: dict | None = CONFIG, mirror: str = str(MIRROR)):
    """Run snakemake in a workspace; ``settings`` are written to a configuration file."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    if settings is not None:
        (folder / "test.yaml").write_text(yaml.safe_dump(settings))
        command.insert(3, "--configfile=test.yaml")  # before the targets: the = keeps them apart
    environment = os.environ | {"PYTHONPATH": str(folder), "VAEBENCH_MIRROR": mirror}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def jobs(result: subprocess.CompletedProcess[str], rule: str) -> set[str]:
    """Jobs of a rule that a dry run announces, by their wildcards."""
    assert result.returncode == 0, result.stderr
    return set(re.findall(rf"^{rule} ?(\S*):", result.stdout + result.stderr, re.MULTILINE))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace in which the workflow has run to its end, and what it said."""
    folder = workspace(tmp_path_factory.mktemp("workflow"))
    result = snakemake(folder, "--cores", "2", "--report", "results/report.html", "--report-after-run")
    assert result.returncode == 0, result.stderr
    return folder, result.stderr


@pytest.fixture(scope="module")
def finished(run: tuple[Path, str]) -> Path:
    """That workspace."""
    return run[0]


def test_results_are_complete_and_agree_with_each_other(finished: Path) -> None:
    results = finished / "results"
    metrics = pd.read_csv(results / "tables/metrics.csv", keep_default_na=False, na_values={"value": [""]})
    assert set(metrics["seed"]) == {0, 1} and set(metrics["flavour"]) == {"ae", "beta_vae", "mean"}
    assert not metrics.duplicated(["dataset", "architecture", "flavour", "latent", "seed", "part", "metric"]).any()
    missing = metrics[metrics["value"].isna()]
    assert (missing["reason"] != "").all() and "elbo" in set(missing["metric"])
    whole = metrics[(metrics["flavour"] != "ae") & (metrics["part"] == "")]
    wide = whole.pivot(index=["flavour", "seed"], columns="metric", values="value")
    np.testing.assert_allclose(wide["elbo"], -wide["rate"] - wide["distortion"], rtol=1e-7)
    np.testing.assert_allclose(wide["rate"], wide.filter(like="kl_per_dimension").sum(axis=1), rtol=1e-5, atol=1e-6)
    summary = pd.read_csv(results / "tables/summary.csv", keep_default_na=False, na_values={"mean": [""]})
    summary = summary.set_index(["flavour", "part", "metric"])
    keys = ["flavour", "part", "metric"]
    assert set(summary.index) == set(metrics[keys].itertuples(index=False, name=None))
    for key, values in metrics.dropna(subset="value").groupby(keys)["value"]:
        assert summary.loc[key, "mean"] == pytest.approx(values.mean(), rel=1e-9)
    assert json.loads((results / "provenance.json").read_text())["runs"] == {"finished": 6}
    figures = {name for name in catalogue.names("figures") if facts(name)["VIEW"] is None}  # there are no samplers
    for kind in ("pdf", "png"):
        drawn = [path.relative_to(results / "figures") for path in results.glob(f"figures/**/*.{kind}")]
        drawn = [path for path in drawn if SEALS not in path.parts]
        names = {path.parts[0].partition(".")[0] for path in drawn}
        assert names == figures
    for path in results.rglob("*"):
        empty = path.suffix == ".log" or path.name == ".snakemake_timestamp"
        assert path.is_dir() or path.stat().st_size or empty, path
    assert not list(results.rglob("*.part*"))


def test_the_terminal_says_what_each_job_reached_and_how_much_is_left(run: tuple[Path, str]) -> None:
    said = [line for line in run[1].partition("Creating report")[0].splitlines() if line][1:]  # the first: the profile
    planned = int(re.match(r"(\d+) jobs: 1 prepare, 1 sheet, 3 train, 3 measure, ", said[0])[1])
    lines = [re.fullmatch(rf"\[(\d+) of {planned}, \d+:\d\d left\] (.*) \(\d+\.\d s\)", line) for line in said[1:]]
    told = [line[2] for line in lines if line]
    assert [int(line[1]) for line in lines if line] == list(range(1, planned + 1))
    trained = r"train digits/mlp/\w+/z2: 2 of 2 seeds finished, validation objective \d+\.\d\d to \d+\.\d\d nats"
    assert sum(bool(re.fullmatch(trained, line)) for line in told) == 3
    measured = r"measure digits/mlp/beta_vae/z2: ELBO -\d+\.\d+ nats, MSE 0\.\d+, \d+ values, \d+ of them missing"
    assert sum(bool(re.fullmatch(measured, line)) for line in told) == 1
    assert "figure_of_block samples/digits/mlp/z2" in told
    rest = [line for line, match in zip(said[1:], lines, strict=True) if not match]
    places = {"tables": "tables", "figures": "figures", "provenance": "provenance.json", "site": "site"}
    assert rest[:4] == [f"{name}: results/{place}" for name, place in places.items()]
    assert len(rest) == 5  # and the time that it took


def test_a_dry_run_gives_reasons_in_the_words_of_the_configuration(finished: Path) -> None:
    settings = CONFIG | {"training": {"epochs": 3, "batch_size": 64}, "geometry": {"points": 20, "pairs": 7}}
    said = snakemake(finished, "--dry-run", settings=settings).stdout
    assert "train digits/mlp/ae/z2: training.epochs: 2 -> 3\n" in said
    said = snakemake(finished, "--dry-run", settings=CONFIG | {"geometry": {"points": 20, "pairs": 7}}).stdout
    assert "measure digits/mlp/ae/z2: geometry.pairs: 6 -> 7\n" in said and "train " not in said


def test_one_figure_alone_is_drawn_from_what_is_there(finished: Path) -> None:
    figure = finished / "results/figures/scores.png"
    before = figure.read_bytes()
    figure.unlink()
    result = snakemake(finished, "results/figures/scores.png", "--cores", "1", "--quiet", "rules")
    assert result.returncode == 0 and "1 jobs: 1 figure_of_study" in result.stderr, result.stderr
    assert "[1 of 1, 0:00 left] figure_of_study scores (" in result.stderr
    assert figure.read_bytes() == before


def test_a_paper_needs_what_is_published_alone_and_gives_the_same(finished: Path, tmp_path: Path) -> None:
    folder, results = workspace(tmp_path), finished / "results"
    vaebench = [sys.executable, "-m", "vaebench"]
    subprocess.run([*vaebench, "publish", results, "--into", "results"], cwd=folder, check=True)
    subprocess.run([*vaebench, "verify", "results"], cwd=folder, check=True)
    kept = folder / "results/tables"
    result = snakemake(folder, "results/paper", "--cores", "1", "--quiet", "rules")
    assert result.returncode == 0 and "1 jobs: 1 paper" in result.stderr, result.stderr
    made = {path.name: path.read_bytes() for path in (folder / "results/paper/tables").iterdir()}
    assert made == {path.name: path.read_bytes() for path in (results / "tables").iterdir() if path.is_file()}
    scores = folder / "results/paper/figures/scores.png"
    assert scores.read_bytes() == (results / "figures/scores.png").read_bytes()
    told = (folder / "results/paper/site/data/study.js").read_text()
    assert "7 tables are those" in told and '"name":"results"' in told
    for changed in ("report/figures/summary/scores.py", "report/statistics/best.py", "report/site/pages/site.css"):
        file = folder / "vaebench" / changed
        text = file.read_text()
        file.write_text(f"{text}\nADDED = 1\n")
        assert jobs(snakemake(folder, "results/paper", "-n"), "paper"), changed
        file.write_text(text)
    assert not jobs(snakemake(folder, "results/paper", "-n"), "paper")
    table = kept / "metrics.csv.gz"
    table.write_bytes(gzip.compress(gzip.decompress(table.read_bytes()).replace(b"7", b"8", 1)))
    result = snakemake(folder, "results/paper", "--cores", "1", "--forcerun", "paper")
    assert result.returncode == 1
    assert "metrics.csv.gz is not the table of its provenance.json: restore both" in result.stderr


def test_geometry_is_measured_and_agrees_with_itself(finished: Path) -> None:
    tables = finished / "results/tables"
    metrics = pd.read_csv(tables / "metrics.csv")
    geometry = metrics[metrics["metric"].isin(catalogue.names("metrics", "interpolation"))]
    assert set(geometry.query("flavour == 'mean'")["value"].dropna()) == set()
    means = geometry.query("metric == 'length_ratio'").set_index(["flavour", "seed"])["value"]
    distances = pd.read_csv(tables / "distances.csv")
    wide = distances.pivot(index=["flavour", "seed", "pair"], columns="distance", values="value").dropna()
    ratios = (wide["geodesic"] / wide["line"]).groupby(["flavour", "seed"]).mean()
    np.testing.assert_allclose(means[ratios.index], ratios, rtol=1e-5)
    agreement = pd.read_csv(tables / "agreement.csv").set_index(["flavour", "part", "metric"])["mean"]
    table = distances.query("flavour == 'ae' and distance == 'latent'").pivot(index="seed", columns="pair")["value"]
    expected = table.T.corr("spearman").loc[0, 1]
    assert agreement["ae", "latent", "mean_spearman"] == pytest.approx(expected)
    assert agreement["ae", "latent", "kendall_w"] == pytest.approx((1 + expected) / 2)
    for name, fact in (("geometry", "20 evenly spaced test codes"), ("agreement", "6 pairs of test images")):
        for form in ("md", "tex", "html"):
            assert fact in (tables / f"{name}.{form}").read_text()


def test_tables_state_their_conditions(finished: Path) -> None:
    for form in ("md", "tex", "html"):
        text = (finished / f"results/tables/likelihood.{form}").read_text()
        for fact in ("dynamic", "bernoulli", "K = 10", "2 seeds"):
            assert fact in text


def test_the_report_holds_tables_and_figures_with_captions(finished: Path) -> None:
    report = (finished / "results/report.html").read_text()
    for text in ("1. Which is best?", "2. How likely are images?", "rate_distortion", "Student interval"):
        assert text in report
    labels = re.findall(r'"labels": ({[^}]*})', report)
    assert len(labels) > 20 and all(len(json.loads(found)) == 1 for found in labels), (
        "of two labels Snakemake takes one for a switch between twins, and its page is white where a twin is missing"
    )
    for name in statistic.inputs(geometry=True):
        assert f"results/tables/{name}.html" in report and catalogue.caption("statistics", name)[:30] in report


def test_nothing_is_done_twice(finished: Path) -> None:
    result = snakemake(finished, "--cores", "1")
    assert result.returncode == 0 and "Nothing to be done" in result.stdout + result.stderr


def test_changes_retrain_what_they_touch_and_no_more(finished: Path) -> None:
    trained = {
        "another latent size and another flavour": (
            CONFIG | {"latents": [2, 3], "flavours": CONFIG["flavours"] | {"vae": {}}},
            {"vae/z2"} | {f"{flavour}/z3" for flavour in ("ae", "beta_vae", "mean", "vae")},
        ),
        "another hyperparameter and other evaluation": (
            CONFIG
            | {"flavours": CONFIG["flavours"] | {"beta_vae": {"beta": 3}}, "evaluation": {"importance_samples": 20}},
            {"beta_vae/z2"},
        ),
    }
    for change, (settings, cells) in trained.items():
        planned = jobs(snakemake(finished, "--dry-run", settings=settings), "train")
        assert planned == {f"digits/mlp/{cell}" for cell in cells}, change


def test_an_edited_flavour_retrains_alone(finished: Path) -> None:
    path = finished / "vaebench/flavours/gaussian/beta_vae.py"
    before = path.read_text()
    path.write_text(before.replace("beta * draw.kl", "draw.kl * beta"))
    planned = snakemake(finished, "--dry-run")
    assert jobs(planned, "train") == {"digits/mlp/beta_vae/z2"}
    assert "train digits/mlp/beta_vae/z2: its code has changed\n" in planned.stdout
    path.write_text(before + "\n# A remark changes no number.\n")
    assert jobs(snakemake(finished, "--dry-run"), "train") == set()
    path.write_text(before)


def test_another_seed_trains_alone(finished: Path) -> None:
    """Last of the tests on this workspace: it adds to it."""
    runs = finished / "results/runs/digits/mlp"
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("run.json")}
    settings = CONFIG | {"seeds": [0, 1, 2]}
    result = snakemake(finished, "results/runs/digits/mlp/ae/z2.json", "--cores", "2", settings=settings)
    assert result.returncode == 0, result.stderr
    after = {path: path.stat().st_mtime_ns for path in runs.rglob("run.json")}
    assert after.keys() - before.keys() == {runs / "ae/z2/seed2/run.json"}
    assert before.items() <= after.items()


def test_published_values_stand_beside_ours(tmp_path: Path) -> None:
    claim = {"dataset": "digits", "architecture": "mlp", "latent": 2, "source": "a paper"}
    rows = {
        "a_vae": claim | {"flavour": "vae", "value": 20.0},
        "a_denoising_vae": claim | {"flavour": "vae", "value": 21.0, "training": {"epochs": 2, "masking": 0.5}},
        "on_a_gpu": claim | {"flavour": "iwae", "value": 19.0, "gpu": True},
    }
    settings = CONFIG | {"flavours": {}, "latents": [], "seeds": [0], "device": "cpu", "published": rows}
    del settings["geometry"]
    folder = workspace(tmp_path)
    result = snakemake(folder, "results/tables/published.csv", "--cores", "2", settings=settings)
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(folder / "results/tables/published.csv").set_index("row")
    metrics = pd.read_csv(folder / "results/tables/metrics.csv").query("metric == 'nll'").set_index("flavour")["value"]
    assert set(table.index) == set(rows)
    for row in ("a_vae", "a_denoising_vae"):
        assert table.loc[row, "ours"] == pytest.approx(metrics[row])
        assert table.loc[row, "difference"] == pytest.approx(metrics[row] - rows[row]["value"])
    assert metrics["a_denoising_vae"] != metrics["a_vae"]
    assert np.isnan(table.loc["on_a_gpu", "ours"])
    assert (
        "| on_a_gpu | digits | 2 | NLL | 19.00 |  |  |  | not run |"
        in (folder / "results/tables/published.md").read_text()
    )


@pytest.mark.slow
@pytest.mark.skipif(not MIRROR.is_dir(), reason="no mirror of the public datasets on this machine")
def test_real_mnist_and_fashion_mnist(tmp_path: Path) -> None:
    limits = {"limits": {"train": 300, "validation": 100, "test": 100}}
    settings = CONFIG | {
        "datasets": {"mnist": limits, "fashion_mnist": limits},
        "flavours": {"vae": {}},
        "seeds": [0],
        "samplers": {"prior": {}},
    }
    folder = workspace(tmp_path)
    result = snakemake(folder, "--cores", "2", settings=settings)
    assert result.returncode == 0, result.stderr
    files = Results(folder / "results").provenance["files"]
    downloaded = {f"data/raw/{name}/{file}" for name in settings["datasets"] for file in SOURCES[name].files}
    assert len(downloaded) == 8 and downloaded <= {*files}
    assert check(folder / "results")[0] == len(files)
    judges = {cell["dataset"]: cell["judge"]["sha256"] for cell in Results(folder / "results").conditions}
    assert judges == {name: judge.own(name, 0).sha256 for name in settings["datasets"]}
    own = folder / "vaebench/evaluation/judges"
    shutil.copy(own / "fashion_mnist-0.safetensors", own / "mnist-0.safetensors")
    assert jobs(snakemake(folder, "-n", settings=settings), "judge") == {"mnist/0", "fashion_mnist/0"}
    summary = pd.read_csv(folder / "results/tables/summary.csv").set_index(["dataset", "metric"])
    assert (summary.loc["fashion_mnist", "elbo"]["mean"] < summary.loc["mnist", "elbo"]["mean"]).all()


@pytest.mark.slow
@pytest.mark.skipif(not MIRROR.is_dir(), reason="no mirror of the public datasets on this machine")
def test_data_that_are_foreign_alone_are_prepared_and_nothing_is_trained_on_them(tmp_path: Path) -> None:
    settings = CONFIG | {
        "datasets": {"mnist": {"limits": {"train": 300, "validation": 100, "test": 100}}},
        "flavours": {"vae": {}},
        "seeds": [0],
        "samplers": {"prior": {}},
        "out_of_distribution": {"mnist": ["fashion_mnist"]},
    }
    folder = workspace(tmp_path)
    result = snakemake(folder, "--cores", "2", settings=settings)
    assert result.returncode == 0, result.stderr
    results = Results(folder / "results")
    rows = results.needed("metrics").set_index(["part", "metric"])["value"]
    assert 50 < rows["fashion_mnist", "auroc_elbo"] <= 100
    assert [*results.provenance["datasets"]] == ["mnist", "fashion_mnist"]
    assert {"data/fashion_mnist.json", "data/fashion_mnist.png"} <= {*results.provenance["files"]}
    assert check(folder / "results")[0] == len(results.provenance["files"])
    assert [path.name for path in (folder / "results/judges").glob("*.safetensors")] == ["mnist-0.safetensors"]
    assert {path.name for path in (folder / "results/runs").iterdir()} == {"mnist"}
    assert (folder / "results/site/data/fashion_mnist.png").exists()
    assert '"name":"Fashion-MNIST"' in (folder / "results/site/data/study.js").read_text()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"flavours": {"beta_vea": {}}}, "unknown flavour 'beta_vea': did you mean beta_vae"),
        ({"trainig": {"epochs": 1}}, "unknown key 'trainig': did you mean training?"),
    ],
)
def test_a_bad_configuration_is_one_line(tmp_path: Path, change: dict, line: str) -> None:
    result = snakemake(workspace(tmp_path), "--cores", "1", settings=CONFIG | change)
    assert result.returncode != 0
    assert sum(line in text for text in result.stderr.splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "results").exists()


def test_no_network_and_no_mirror_is_one_line(tmp_path: Path) -> None:
    settings = CONFIG | {"datasets": {"mnist": {}}, "flavours": {"vae": {}}}
    result = snakemake(workspace(tmp_path), "--cores", "1", "--retries", "0", settings=settings, mirror="nowhere")
    if result.returncode == 0:
        pytest.skip("there is a network")
    assert re.search(r"(train|t10k)-\w+-idx\d-ubyte\.gz cannot be downloaded", result.stderr)
    assert "set VAEBENCH_MIRROR to a folder or URL" in result.stderr
    assert not list((tmp_path / "results/data").rglob("*.gz"))


def test_a_users_images_need_a_configuration_entry_alone(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    images = np.arange(70 * 8 * 8, dtype=np.uint8).reshape(70, 8, 8)
    np.savez(folder / "mine.npz", images=images, labels=np.arange(70))
    settings = CONFIG | {"datasets": {"mine": {"path": "mine.npz"}}}
    result = snakemake(folder, "results/data/mine.safetensors", "--cores", "1", settings=settings)
    assert result.returncode == 0, result.stderr
    data = load(folder / "results/data/mine.safetensors")
    splits = (data.train, data.validation, data.test)
    assert [len(split.labels) for split in splits] == [50, 10, 10]
    for split in splits:
        assert (split.images[:, 0].numpy() == images[split.labels.numpy()]).all()


def test_new_labels_prepare_a_users_dataset_anew(tmp_path: Path) -> None:
    folder, target = workspace(tmp_path), "results/data/mine.safetensors"
    np.save(folder / "mine.npy", np.zeros((14, 8, 8), np.uint8))
    settings = CONFIG | {"datasets": {"mine": {"path": "mine.npy", "labels": "labels.npy"}}}
    for label in (1, 2):
        np.save(folder / "labels.npy", np.full(14, label))
        result = snakemake(folder, target, "--cores", "1", settings=settings)
        assert result.returncode == 0, result.stderr
        assert set(load(folder / target).train.labels.tolist()) == {label}


def test_an_unreadable_dataset_is_one_line(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    (folder / "mine.npz").write_bytes(b"no archive")
    settings = CONFIG | {"datasets": {"mine": {"path": "mine.npz"}}}
    result = snakemake(folder, "--cores", "1", settings=settings)
    assert result.returncode != 0 and "vaebench: mine.npz: cannot be read" in result.stderr
    assert not (folder / "results/data/mine.safetensors").exists()


def test_the_workflow_is_linted_and_formatted() -> None:
    lint = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint", "--configfile=config/demo.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    titles = set(re.findall(r"^    \* (.*):$", lint.stderr, re.MULTILINE))
    assert titles == {"Specify a conda environment or container for each rule."}  # the package brings what rules need
    format = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"], cwd=ROOT, capture_output=True, text=True
    )
    assert format.returncode == 0, format.stderr


def test_shipped_configurations_are_checked() -> None:
    cells = {path.stem: config.read(path).cells() for path in (ROOT / "config").glob("*.yaml")}
    assert {"config", "demo", "digits", "flavours", "reference", "reproduce", "suite"} <= cells.keys()
    every = len(catalogue.names("flavours"))
    assert len(cells["config"]) == 2 * 2 * every * 4 and len(cells["digits"]) == every


@pytest.mark.parametrize("profile", ["local", "slurm", "default"])
def test_profiles_plan_the_study(profile: str, tmp_path: Path) -> None:
    result = snakemake(workspace(tmp_path), "--dry-run", "--workflow-profile", f"workflow/profiles/{profile}")
    assert len(jobs(result, "train")) == 3


def test_the_schema_for_editors_is_that_of_the_code() -> None:
    assert (ROOT / "workflow/schemas/config.schema.json").read_text() == config.schema() + "\n"


APART = ("benchmark", "browser")  # extras for what is run by itself


def test_the_conda_environment_installs_the_lock_of_this_project() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = next(entry for entry in environment["dependencies"] if str(entry).startswith("python="))
    minimum = re.fullmatch(r">=(\d+)\.(\d+)", project["requires-python"])
    assert minimum and tuple(map(int, python.removeprefix("python=").split("."))) >= tuple(map(int, minimum.groups()))
    assert environment["dependencies"][-1]["pip"] == ["--require-hashes", "-r requirements.lock"]
    lock = (ROOT / "requirements.lock").read_text()
    groups = project["optional-dependencies"]
    wanted = project["dependencies"] + [name for group in groups if group not in APART for name in groups[group]]
    for requirement in wanted:
        name = re.split(r"[<>=]", requirement)[0]
        assert re.search(rf"^{name}==", lock, re.MULTILINE | re.IGNORECASE), f"{name} is not locked"
    assert "://" not in lock
