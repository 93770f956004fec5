from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from faults import fault

from vaebench import interface
from vaebench.data.dataset import Data, load
from vaebench.errors import VaebenchError
from vaebench.evaluation import evaluation
from vaebench.files import write
from vaebench.report import tables
from vaebench.study.config import Cell, Evaluation
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
    return interface.cell(flavour, latent=latent, **settings)


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
    for width in (1, 3):
        together, later = tmp_path / f"together{width}", tmp_path / f"later{width}"
        runs.train(cell(), [0, 1, 2], data, together, device=CPU, width=width)
        runs.train(cell(), [1], data, later, device=CPU, width=width)
        before = {path: path.stat().st_mtime_ns for path in (later / "seed1").iterdir()}
        runs.train(cell(), [0, 1, 2], data, later, device=CPU, width=width)
        assert before == {path: path.stat().st_mtime_ns for path in (later / "seed1").iterdir()}
        for seed in range(3):
            assert contents(together / f"seed{seed}") == contents(later / f"seed{seed}")


@pytest.mark.parametrize("width", [1, 2])
def test_a_killed_run_resumes_to_the_bytes_of_an_undisturbed_one(tmp_path: Path, prepared: Path, width: int) -> None:
    code = f"""
from pathlib import Path
from vaebench import hardware, interface, runs
from vaebench.data.dataset import load
import torch
hardware.prepare()
plan = interface.cell("vae", latent=2, epochs=120, batch_size=32, network_settings={{"hidden": [16]}})
runs.train(plan, [0, 1], load({str(prepared)!r}), Path("killed"), device=torch.device("cpu"), width={width}, every=0.05)
"""
    start = [sys.executable, "-c", code]
    process = subprocess.Popen(start, cwd=tmp_path)
    checkpoint = tmp_path / "killed/seed0/checkpoint.safetensors"
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists() and not (tmp_path / "killed/seed0/run.json").exists()
    done = runs._metadata(checkpoint)["progress"]["epoch"]
    assert 0 < done < 120
    subprocess.run(start, cwd=tmp_path, check=True)
    (tmp_path / "killed").rename(tmp_path / "resumed")
    subprocess.run(start, cwd=tmp_path, check=True)
    for seed in ("seed0", "seed1"):
        assert sorted(contents(tmp_path / "resumed" / seed)) == FINAL
        assert contents(tmp_path / "resumed" / seed) == contents(tmp_path / "killed" / seed)


def test_seeds_that_were_interrupted_at_different_epochs_resume(tmp_path: Path, data: Data) -> None:
    """A pack that was killed between two renames leaves its seeds at different epochs."""
    plan = cell(epochs=6)
    runs.train(plan, [0, 1], data, tmp_path / "whole", device=CPU, width=2)
    for seed, epochs in ((0, 2), (1, 4)):
        interrupt(plan, seed, epochs, data, tmp_path / "torn")
    runs.train(plan, [0, 1], data, tmp_path / "torn", device=CPU, width=2)
    for seed in ("seed0", "seed1"):
        assert contents(tmp_path / "whole" / seed) == contents(tmp_path / "torn" / seed)


def interrupt(plan: Cell, seed: int, epochs: int, data: Data, folder: Path) -> None:
    """Leave a run as a kill after so many epochs would."""

    class KilledError(Exception):
        pass

    save = runs._save_checkpoint

    def stop(pack, slot, place, record) -> None:
        save(pack, slot, place, record)
        if pack.runs[slot].epoch == epochs:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_save_checkpoint", stop)
        with pytest.raises(KilledError):
            runs.train(plan, [seed], data, folder, device=CPU, width=2, every=0.0)


def test_another_configuration_is_refused_or_replaced(tmp_path: Path, data: Data) -> None:
    runs.train(cell("beta_vae"), [0], data, tmp_path, device=CPU)
    before = contents(tmp_path / "seed0")
    other = cell("beta_vae", hyperparameters={"beta": 2.0})
    message = refused(other, [0], data, tmp_path)
    assert "seed0 holds a run of another configuration (objective.1.beta: 4.0 -> 2.0): choose another folder" in message
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
    assert f"{path} cannot be read" in refused(cell(epochs=6), [0], data, tmp_path)


def test_a_diverged_seed_is_recorded_and_costs_no_other(tmp_path: Path, data: Data) -> None:
    wild = cell("vae", likelihood="gaussian", convention="none", likelihood_settings={"sigma": 1e-18}, epochs=4)
    runs.train(wild, [0, 1], data, tmp_path, device=CPU)
    assert {runs.describe(tmp_path / f"seed{seed}")["status"] for seed in (0, 1)} == {"diverged"}
    runs.train(cell(), [0], data, tmp_path / "sound", device=CPU)
    assert runs.describe(tmp_path / "sound/seed0")["status"] == "finished"


def test_a_run_that_diverged_at_once_has_only_missing_values_in_every_table(tmp_path: Path, data: Data) -> None:
    wild = cell("vae", likelihood="gaussian", convention="none", likelihood_settings={"sigma": 1e-18})
    folders = runs.train(wild, [0], data, tmp_path, device=CPU)
    metrics, _, facts = evaluation.evaluate(wild, folders, data, Evaluation(10, 20), CPU)
    assert metrics["value"].isna().all()
    assert set(metrics["reason"]) == {"the run diverged in its first epoch"}
    for name, table in (("metrics", metrics), ("compute", evaluation.compute(wild, folders))):
        write(tmp_path / f"{name}.csv", table.to_csv(index=False))
    write(tmp_path / "history.csv", evaluation.history(wild, folders).to_csv(index=False))
    assert tables.gather([tmp_path / "history.csv"]).empty
    rows = tables.summarise(tables.gather([tmp_path / "metrics.csv"]))
    text = tables.markdown(tables.wide(rows, ["elbo", "mse"]), tables.conditions([facts], 1))
    assert "diverged in its first epoch" in text
    costs = tables.summarise(tables.gather([tmp_path / "compute.csv"])).set_index("metric")["mean"]
    assert (costs["diverged"], costs["best_epoch"]) == (1, 0)


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path: Path, data: Data) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        message = refused(cell(), [0], data, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "best.safetensors cannot be written (File too large): free the disk" in message
    assert list((tmp_path / "seed0").iterdir()) == []
    assert runs.describe(*runs.train(cell(), [0], data, tmp_path, device=CPU))["status"] == "finished"


def test_weights_carry_their_recipe_and_no_pickle(tmp_path: Path, data: Data) -> None:
    (folder,) = runs.train(
        cell("beta_vae", network="conv", network_settings={"channels": [4, 8]}), [3], data, tmp_path, device=CPU
    )
    shutil.copy(folder / "best.safetensors", tmp_path / "alone.safetensors")
    a, b = interface.load(folder), interface.load(tmp_path / "alone.safetensors")
    x = data.test.images[:5] / 255
    assert torch.equal(a.encode(x), b.encode(x))
    assert a.recipe is not None and a.recipe.flavour == ("beta_vae", {"beta": 4.0}) and a.recipe.network[0] == "conv"
    header = (folder / "best.safetensors").read_bytes()
    assert json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"].keys() == {"vaebench"}


def test_latent_size_one_and_a_last_batch_of_one(tmp_path: Path, data: Data) -> None:
    plan = cell(latent=1, batch_size=299)
    record = runs.describe(*runs.train(plan, [0], data, tmp_path, device=CPU))
    assert (record["status"], record["epochs"]) == ("finished", 3)


def test_threads_do_not_change_an_mlp(tmp_path: Path, prepared: Path) -> None:
    """Results do not depend on how many threads a job is given."""
    code = """
import sys
from pathlib import Path
from vaebench import hardware, interface, runs
from vaebench.data.dataset import load
import torch
hardware.prepare(int(sys.argv[2]))
plan = interface.cell("vae", latent=2, epochs=2, batch_size=64)
runs.train(plan, [0], load(sys.argv[1]), Path(sys.argv[3]), device=torch.device("cpu"))
"""
    environment = os.environ | {"OMP_WAIT_POLICY": "passive"}
    for threads in ("1", "2"):
        arguments = [sys.executable, "-c", code, str(prepared), threads, threads]
        subprocess.run(arguments, cwd=tmp_path, check=True, env=environment)
    assert contents(tmp_path / "1/seed0") == contents(tmp_path / "2/seed0")


def test_products_are_routed_only_where_they_keep_float32() -> None:
    code = """
import torch
from vaebench import hardware
hardware.prepare()
a, b = torch.randn(256, 784), torch.randn(784, 512)
exact = a.double() @ b.double()
assert (a @ b - exact).norm() / exact.norm() < 1e-6
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_gpu_is_one_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(VaebenchError, match="torch sees no GPU"):
        hardware.device("cuda")
