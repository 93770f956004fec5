from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from faults import fault

from vaebench import interface
from vaebench.data.dataset import Data, load
from vaebench.errors import VaebenchError
from vaebench.evaluation.measure import measure
from vaebench.files import tag, write
from vaebench.report.differences import COLUMNS
from vaebench.report.summary import gather, summarise
from vaebench.report.tables.forms import forms
from vaebench.report.tables.shown import Results
from vaebench.study import config, views
from vaebench.study.config import Cell, Choice, Evaluation, Geometry
from vaebench.study.tidy import HISTORY, METRICS, RUN, text
from vaebench.training import hardware, runs

CPU = torch.device("cpu")
FINAL = ["best.safetensors", "history.csv", "last.safetensors", "run.json"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    interface.dataset("digits", folder, limits={"train": 300})
    return folder / "digits.safetensors"


@pytest.fixture(scope="module")
def data(prepared: Path) -> Data:
    return load(prepared)


def cell(flavour: str = "vae", latent: int = 2, **settings) -> Cell:
    settings = {"epochs": 3, "batch_size": 32, "network_settings": {"hidden": [16]}} | settings
    return config.cell(flavour, latent=latent, **settings)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "cost.json"}


def refused(*arguments, **settings) -> str:
    return fault(lambda: runs.train(*arguments, device=CPU, **settings))


def test_the_same_configuration_gives_the_same_files(tmp_path: Path, data: Data) -> None:
    for name in ("a", "b"):
        runs.train(cell(), [0, 1], data, tmp_path / name, device=CPU)
    for seed in ("seed0", "seed1"):
        assert sorted(contents(tmp_path / "a" / seed)) == FINAL
        assert contents(tmp_path / "a" / seed) == contents(tmp_path / "b" / seed)


def test_more_seeds_later_train_alone_and_change_nothing(tmp_path: Path, data: Data) -> None:
    for pack in (1, 3):
        together, later = tmp_path / f"together{pack}", tmp_path / f"later{pack}"
        runs.train(cell(), [0, 1, 2], data, together, device=CPU, pack=pack)
        runs.train(cell(), [1], data, later, device=CPU, pack=pack)
        before = {path: path.stat().st_mtime_ns for path in (later / "seed1").iterdir()}
        runs.train(cell(), [0, 1, 2], data, later, device=CPU, pack=pack)
        assert before == {path: path.stat().st_mtime_ns for path in (later / "seed1").iterdir()}
        for seed in range(3):
            assert contents(together / f"seed{seed}") == contents(later / f"seed{seed}")


KILLING = """
import os, shutil, signal, sys, time
from pathlib import Path
from vaebench.data.dataset import load
from vaebench.study import config
from vaebench.training import hardware, runs
from vaebench.training.engine import Pack
import torch

class Slow(Pack):  # so that it cannot end before it is killed
    def train(self):
        for epoch in super().train():
            time.sleep(0.03)
            yield epoch

def train(folder, pack):
    runs.train(plan, [0, 1], data, Path(folder), device=torch.device("cpu"), pack=pack, every=0.05)

hardware.prepare()
plan = config.cell("vae", latent=2, epochs=25, batch_size=100, network_settings={"hidden": [16]})
data = load(sys.argv[1])
for pack in (1, 2):
    child = os.fork()
    if child == 0:
        runs.Pack = Slow
        train(f"killed{pack}", pack)
        os._exit(0)
    while not Path(f"killed{pack}/seed0/checkpoint.safetensors").exists():
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0) == (child, signal.SIGKILL)
    shutil.copytree(f"killed{pack}", f"resumed{pack}")
    for kind in ("resumed", "undisturbed"):
        train(f"{kind}{pack}", pack)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    """Runs killed by the system, as they were left and as they were taken up; all in one start of torch."""
    folder = tmp_path_factory.mktemp("killed")
    subprocess.run([sys.executable, "-c", KILLING, str(prepared)], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    return folder


@pytest.mark.parametrize("pack", [1, 2])
def test_a_killed_run_resumes_to_the_bytes_of_an_undisturbed_one(killed: Path, pack: int) -> None:
    left = killed / f"killed{pack}/seed0"
    assert not (left / "run.json").exists()
    done = tag(left / "checkpoint.safetensors")["progress"]["epoch"]
    assert 0 < done < 25
    for seed in ("seed0", "seed1"):
        assert sorted(contents(killed / f"resumed{pack}" / seed)) == FINAL
        assert contents(killed / f"resumed{pack}" / seed) == contents(killed / f"undisturbed{pack}" / seed)
    # Whoever looked on had seen every epoch up to the kill, and nothing that did not stay.
    whole, seen = ((place / "history.csv").read_bytes() for place in (killed / f"undisturbed{pack}/seed0", left))
    assert whole.startswith(seen) and whole != seen
    assert seen.count(b",validation,total,") >= done


def test_seeds_that_were_interrupted_at_different_epochs_resume(tmp_path: Path, data: Data) -> None:
    """A pack that was killed between two renames leaves its seeds at different epochs."""
    plan = cell(epochs=6)
    runs.train(plan, [0, 1], data, tmp_path / "whole", device=CPU, pack=2)
    for seed, epochs in ((0, 2), (1, 4)):
        interrupt(plan, seed, epochs, data, tmp_path / "torn")
    runs.train(plan, [0, 1], data, tmp_path / "torn", device=CPU, pack=2)
    for seed in ("seed0", "seed1"):
        assert contents(tmp_path / "whole" / seed) == contents(tmp_path / "torn" / seed)


def interrupt(plan: Cell, seed: int, epochs: int, data: Data, folder: Path) -> None:
    """Leave a run as a kill after so many epochs would."""

    class KilledError(Exception):
        pass

    def stop(path: Path, content: bytes) -> None:
        write(path, content)
        if path.name == "checkpoint.safetensors" and tag(path)["progress"]["epoch"] == epochs:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "write", stop)
        with pytest.raises(KilledError):
            runs.train(plan, [seed], data, folder, device=CPU, pack=2, every=0.0)


def test_another_configuration_is_refused_or_replaced(tmp_path: Path, data: Data) -> None:
    runs.train(cell("beta_vae"), [0], data, tmp_path, device=CPU)
    before = contents(tmp_path / "seed0")
    other = cell("beta_vae", hyperparameters={"beta": 2.0})
    message = refused(other, [0], data, tmp_path)
    assert (
        "seed0 holds a run of another configuration (objective.settings.beta: 4.0 -> 2.0): choose another folder"
        in message
    )
    assert contents(tmp_path / "seed0") == before
    runs.train(other, [0], data, tmp_path, device=CPU, replace=True)
    runs.train(other, [0], data, tmp_path / "fresh", device=CPU)
    assert contents(tmp_path / "seed0") == contents(tmp_path / "fresh/seed0")


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path, data: Data) -> None:
    interrupt(cell(epochs=6), 0, 2, data, tmp_path)
    assert "training.epochs: 6 -> 5" in refused(cell(epochs=5), [0], data, tmp_path)


def test_a_damaged_checkpoint_is_named(tmp_path: Path, data: Data) -> None:
    interrupt(cell(epochs=6), 0, 2, data, tmp_path)
    path = tmp_path / "seed0/checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    message = refused(cell(epochs=6), [0], data, tmp_path)
    assert message.startswith(f"{path}: cannot be read as a checkpoint (")
    assert message.endswith("): delete it to train from the start")


def flipped(path: Path, place: float) -> None:
    """Flip one bit of a file, so far into it."""
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 4
    path.write_bytes(content)


DAMAGES = {
    "flipped": lambda path: flipped(path, 0.7),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
}


def test_a_damaged_run_is_told_and_trained_again_by_itself(tmp_path: Path, data: Data) -> None:
    (folder,) = runs.train(cell(), [0], data, tmp_path, device=CPU)
    whole = contents(folder)
    for name in (*runs.FILES, "cost.json"):
        for damage in DAMAGES.values():
            damage(folder / name)
            for reads in (runs.record, interface.load):
                message = fault(reads, folder)
                assert message.startswith(f"{folder / name}: cannot be read as what ")
                assert message.endswith("): give the command that trained it again, which mends it")
            runs.train(cell(), [0], data, tmp_path, device=CPU)
            assert contents(folder) == whole and runs.record(folder)["status"] == "finished"


def test_a_damaged_record_is_told_and_replaced(tmp_path: Path, data: Data) -> None:
    """It does not say of which configuration the run is."""
    (folder,) = runs.train(cell(), [0], data, tmp_path, device=CPU)
    whole = contents(folder)
    for name in ("flipped", "cut", "empty"):
        DAMAGES[name](folder / "run.json")
        message = refused(cell(), [0], data, tmp_path)
        assert message.startswith(f"{folder}/run.json: cannot be read as the record of a run (")
        runs.train(cell(), [0], data, tmp_path, device=CPU, replace=True)
        assert contents(folder) == whole


def test_a_run_half_deleted_is_trained_again(tmp_path: Path, data: Data) -> None:
    """As a kill leaves it while it is cleared: without its record, and with any of the rest."""
    (folder,) = runs.train(cell(), [0], data, tmp_path, device=CPU)
    whole = contents(folder)
    for name in ("run.json", *runs.FILES, "cost.json"):
        (folder / "run.json").unlink()
        (folder / name).unlink(missing_ok=True)
        assert "no finished run here" in fault(runs.record, folder)
        runs.train(cell(), [0], data, tmp_path, device=CPU)
        assert contents(folder) == whole


def test_a_checkpoint_with_a_flipped_bit_is_not_resumed(tmp_path: Path, data: Data) -> None:
    plan = cell(epochs=4)
    (whole,) = runs.train(plan, [0], data, tmp_path / "whole", device=CPU, pack=2)
    interrupt(plan, 0, 2, data, tmp_path / "torn")
    flipped(tmp_path / "torn/seed0/checkpoint.safetensors", 0.9)
    (folder,) = runs.train(plan, [0], data, tmp_path / "torn", device=CPU, pack=2)
    assert contents(folder) == contents(whole)


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_truncated_checkpoint_is_replaced(tmp_path: Path, data: Data, size: int) -> None:
    """As the workflow asks for it."""
    plan = cell(epochs=4)
    (whole,) = runs.train(plan, [0], data, tmp_path / "whole", device=CPU, pack=2)
    interrupt(plan, 0, 2, data, tmp_path / "torn")
    path = tmp_path / "torn/seed0/checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    (folder,) = runs.train(plan, [0], data, tmp_path / "torn", device=CPU, pack=2, replace=True)
    assert contents(folder) == contents(whole)


def test_a_list_of_runs_names_seeds_that_are_whole(tmp_path: Path, data: Data) -> None:
    """If not, it is removed, so that the workflow trains the cell again."""
    path = tmp_path / "z2.json"
    folders = runs.train(cell(), [0, 1], data, tmp_path / "z2", device=CPU)
    content = runs.manifest(cell(), folders)
    path.write_text(content)
    assert runs.listed(path) == folders
    for name in ("../z2/seed1", "/etc", "seed1/..", "seed1\\n", "seed", "seed2"):
        path.write_text(content.replace('"seed1"', f'"{name}"'))
        assert fault(runs.listed, path)
        assert not path.exists()
    path.write_text(content)
    flipped(folders[1] / "best.safetensors", 0.7)
    assert fault(runs.listed, path).startswith(f"{folders[1]}/best.safetensors: ")
    assert not path.exists()


def test_a_diverged_seed_is_recorded_and_costs_no_other(tmp_path: Path, data: Data) -> None:
    wild = cell("vae", likelihood="gaussian", convention="none", likelihood_settings={"sigma": 1e-18}, epochs=4)
    runs.train(wild, [0, 1], data, tmp_path, device=CPU)
    assert {runs.record(tmp_path / f"seed{seed}")["status"] for seed in (0, 1)} == {"diverged"}
    runs.train(cell(), [0], data, tmp_path / "sound", device=CPU)
    assert runs.record(tmp_path / "sound/seed0")["status"] == "finished"


def test_a_run_that_diverged_at_once_has_only_missing_values_in_every_table(tmp_path: Path, data: Data) -> None:
    wild = cell("vae", likelihood="gaussian", convention="none", likelihood_settings={"sigma": 1e-18})
    folders = runs.train(wild, [0], data, tmp_path, device=CPU)
    found = measure(wild, folders, data, Evaluation(10, 20), Geometry(points=5, pairs=2), CPU)
    for rows in (found.metrics, found.distances):
        assert rows and {(row["value"], row["reason"]) for row in rows} == {(None, "the run diverged in epoch 1")}
    measured = [*views.ALWAYS, "survey"]
    names = [name for names in views.metrics(measured, "default").values() for name in names]
    assert {row["metric"] for row in found.metrics} == set(names)
    for pictures in (found.gallery, found.geometry):
        assert {name: str(value) for name, value in pictures.items()} == {"reason": "the run diverged in epoch 1"}
    for name, columns in (("metrics", METRICS), ("compute", METRICS), ("history", [*RUN, *HISTORY])):
        write(tmp_path / f"{name}.csv", text(getattr(found, name), columns))
    assert gather([tmp_path / "history.csv"]).empty
    rows = summarise(gather([tmp_path / "metrics.csv"]))
    results = Results({"vae": "gaussian"}, [found.conditions], rows, rows, pd.DataFrame(columns=COLUMNS))
    for table in views.tables(measured, "default"):
        pages = forms(results, table)
        assert len(pages) == 3
        assert all("diverged in epoch 1" in page for page in pages.values())
    costs = summarise(gather([tmp_path / "compute.csv"])).set_index("metric")["mean"]
    assert (costs["diverged"], costs["best_epoch"]) == (1, 0)


def test_a_run_that_diverges_late_is_lost_in_its_own_epoch_and_enters_no_mean(tmp_path: Path, data: Data) -> None:
    wild = cell(likelihood="gaussian_pixel", convention="none", learning_rate=0.4, epochs=12)
    folders = runs.train(wild, range(6), data, tmp_path / "together", device=CPU, pack=6)
    records = [runs.record(folder) for folder in folders]
    late = [record for record in records if record["status"] == "diverged" and record["best_epoch"] > 0]
    kept = [record for record in records if record["status"] == "finished"]
    assert late and kept
    for record in late:
        last = int((tmp_path / f"together/seed{record['seed']}/history.csv").read_text().splitlines()[-1].split(",")[0])
        assert last in (record["epochs"] - 1, record["epochs"]) and record["best_epoch"] < record["epochs"] < 12
        assert runs.lost(record) == runs.told(record) == f"the run diverged in epoch {record['epochs']}"
    (alone,) = runs.train(wild, [late[0]["seed"]], data, tmp_path / "alone", device=CPU, pack=6)
    assert contents(alone) == contents(tmp_path / "together" / alone.name)
    seeds = [record["seed"] for record in kept]
    for folder in runs.train(wild, seeds, data, tmp_path / "without", device=CPU, pack=6):
        assert contents(folder) == contents(tmp_path / "together" / folder.name)

    best = [record["best_objective"] for record in kept]
    ends = f"validation objective {min(best):.2f} to {max(best):.2f} nats"
    assert runs.summary(records) == f"{6 - len(kept)} of 6 seeds diverged, {len(kept)} of 6 seeds finished, {ends}"
    flattering = late[0] | {"best_objective": -1e9}
    assert runs.summary([*kept, flattering]).endswith(ends)
    message = fault(runs.refuse, records)
    assert f"seed {late[0]['seed']}: the run diverged in epoch {late[0]['epochs']}" in message
    assert message.endswith(f"; left are seeds {', '.join(str(record['seed']) for record in kept)}: {runs.MEND}")
    runs.refuse(kept)

    found = measure(wild, folders, data, Evaluation(5, 10), None, CPU)
    for record in records:
        rows = [row for row in found.metrics if row["seed"] == record["seed"]]
        assert {row["reason"] for row in rows if row["value"] is None} >= {runs.lost(record)} - {""}
        assert any(row["value"] is not None for row in rows) == (record in kept)
    write(tmp_path / "metrics.csv", text(found.metrics, METRICS))
    means = summarise(gather([tmp_path / "metrics.csv"])).set_index("metric")
    values = [row["value"] for row in found.metrics if row["metric"] == "mse" and row["seed"] in seeds]
    assert (means.loc["mse", "n"], means.loc["mse", "mean"]) == (len(kept), pytest.approx(sum(values) / len(values)))


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path: Path, data: Data) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        message = refused(cell(), [0], data, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "best.safetensors cannot be written (File too large): raise the limit on the size of files" in message
    assert [path.name for path in (tmp_path / "seed0").iterdir()] == ["history.csv"]
    history = (tmp_path / "seed0/history.csv").read_bytes()
    assert runs.record(*runs.train(cell(), [0], data, tmp_path, device=CPU))["status"] == "finished"
    assert (tmp_path / "seed0/history.csv").read_bytes() == history


def test_a_disk_that_fills_up_during_training_is_one_line(tmp_path: Path, data: Data) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        message = refused(cell(), [0], data, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "history.csv cannot be written (File too large): raise the limit on the size of files" in message
    assert runs.record(*runs.train(cell(), [0], data, tmp_path, device=CPU))["status"] == "finished"


def test_weights_carry_their_recipe_and_no_pickle(tmp_path: Path, data: Data) -> None:
    (folder,) = runs.train(
        cell("beta_vae", network="conv", network_settings={"channels": [4, 8]}), [3], data, tmp_path, device=CPU
    )
    shutil.copy(folder / "best.safetensors", tmp_path / "alone.safetensors")
    a, b = interface.load(folder), interface.load(tmp_path / "alone.safetensors")
    x = data.test.images[:5] / 255
    assert torch.equal(a.encode(x), b.encode(x))
    assert a.recipe is not None and a.recipe.objective == Choice("beta_vae", {"beta": 4.0})
    assert a.recipe.network.name == "conv"
    header = (folder / "best.safetensors").read_bytes()
    assert json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"].keys() == {"vaebench"}


def test_latent_size_one_and_a_last_batch_of_one(tmp_path: Path, data: Data) -> None:
    plan = cell(latent=1, batch_size=299)
    record = runs.record(*runs.train(plan, [0], data, tmp_path, device=CPU))
    assert (record["status"], record["epochs"]) == ("finished", 3)


def test_threads_do_not_change_an_mlp(tmp_path: Path, prepared: Path) -> None:
    """Results do not depend on how many threads a job is given."""
    code = """
import sys
from pathlib import Path
from vaebench.data.dataset import load
from vaebench.study import config
from vaebench.training import hardware, runs
import torch
plan = config.cell("vae", latent=2, epochs=2, batch_size=64)
for threads in (1, 2):
    hardware.prepare(threads)
    runs.train(plan, [0], load(sys.argv[1]), Path(str(threads)), device=torch.device("cpu"))
    assert torch.get_num_threads() == threads
"""
    environment = os.environ | {"OMP_WAIT_POLICY": "passive"}
    subprocess.run([sys.executable, "-c", code, str(prepared)], cwd=tmp_path, check=True, env=environment)
    assert contents(tmp_path / "1/seed0") == contents(tmp_path / "2/seed0")


def test_products_are_routed_only_where_they_keep_float32() -> None:
    hardware.prepare()
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(256, 784, generator=generator), torch.randn(784, 512, generator=generator)
    exact = a.double() @ b.double()
    assert (a @ b - exact).norm() / exact.norm() < 1e-6


def test_a_pack_that_memory_does_not_hold_is_trained_in_narrower_ones(
    tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small(runs.Pack):
        def __init__(self, *arguments) -> None:
            if len(arguments[4]) > capacity:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            super().__init__(*arguments)

    plan, cpu = cell(epochs=2), torch.device("cpu")
    wide = runs.train(plan, [0, 1, 2], data, tmp_path / "wide", device=cpu, pack=2)
    monkeypatch.setattr(runs, "Pack", Small)
    capacity = 2
    fallen = runs.train(plan, [0, 1, 2], data, tmp_path / "fallen", device=cpu, pack=5)
    for found, expected in zip(fallen, wide, strict=True):
        assert json.loads((found / "cost.json").read_text())["pack"] == 2
        assert (found / "history.csv").read_bytes() == (expected / "history.csv").read_bytes()
    capacity = 0
    with pytest.raises(VaebenchError, match=r"memory does not hold one run .*: lower the batch_size") as error:
        runs.train(plan, [0], data, tmp_path / "none", device=cpu, pack=2)
    assert "\n" not in str(error.value)


def test_no_gpu_is_one_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(VaebenchError, match="torch sees no GPU"):
        hardware.device("cuda")
