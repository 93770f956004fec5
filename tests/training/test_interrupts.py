"""Signals during training: what is done is kept at once, and told in one line; whoever goes on gets the same bytes."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vaebench.errors import SIGNALS, Interrupted
from vaebench.files import tag
from vaebench.training import interrupts
from vaebench.training.interrupts import Watch


def epochs(last: int, stopped: int, log: list[str]) -> Iterator[int]:
    """Epochs, in one of which SIGTERM comes."""
    for epoch in range(1, last + 1):
        log.append(f"begin {epoch}")
        if epoch == stopped:
            os.kill(os.getpid(), signal.SIGTERM)
        log.append(f"end {epoch}")
        yield epoch


def watched(watch: Watch, stopped: int = 0, done: int = 0, last: int = 4) -> tuple[list[str], str]:
    """What happens under a watch, and what is said of it."""
    log: list[str] = []

    def hold():
        seen = log[-1]
        return lambda: log.append(f"write {seen}")

    try:
        with watch:
            for _ in watch.over(epochs(last, stopped, log), done, hold, lambda epoch: f"kept up to {epoch}"):
                pass
            watch.stop("finished")
    except Interrupted as error:
        return log, str(error)
    return log, ""


def line(kept: str) -> str:
    return f"interrupted by SIGTERM: {kept}: run the same again to go on"


def test_a_long_epoch_is_broken_off_and_the_one_before_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "SOON", 0.0)
    log, said = watched(Watch(60.0), stopped=3)
    assert log == ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "write end 2"]
    assert said == line("kept up to 2")


def test_a_short_epoch_is_waited_for() -> None:
    log, said = watched(Watch(60.0), stopped=3)
    assert log == ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3", "write end 3"]
    assert said == line("kept up to 3")


def test_what_is_on_the_disk_is_not_written_again() -> None:
    log, said = watched(Watch(0.0), stopped=2)
    assert log == ["begin 1", "end 1", "write end 1", "begin 2"]
    assert said == line("kept up to 1")
    log, said = watched(Watch(60.0), stopped=1, done=5)
    assert log == ["begin 1"] and said == line("kept up to 5")


def test_what_comes_as_the_runs_are_finished_is_told_when_they_are() -> None:
    with pytest.raises(Interrupted, match="is finished: run the same again"), Watch(60.0) as watch:
        os.kill(os.getpid(), signal.SIGTERM)
        watch.stop("it is finished")
    with pytest.raises(Interrupted), Watch(60.0) as watch:  # before the first epoch
        os.kill(os.getpid(), signal.SIGTERM)
        list(watch.over(iter([1]), 0, lambda: pytest.fail, str))


def test_signals_that_others_handle_are_theirs() -> None:
    default = signal.getsignal(signal.SIGTERM)
    came: list[int] = []
    try:
        signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
        log, said = watched(Watch(60.0), stopped=2)
        assert came == [signal.SIGTERM] and said == "" and log[-1] == "end 4"
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert watched(Watch(60.0), stopped=2) == (log, "")
    finally:
        signal.signal(signal.SIGTERM, default)


def test_signals_are_taken_while_it_watches_only() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Watch(60.0):
        assert all(signal.getsignal(number) not in before for number in SIGNALS)
    assert [signal.getsignal(number) for number in SIGNALS] == before
    with Watch(math.inf):
        assert [signal.getsignal(number) for number in SIGNALS] == before
    thread = threading.Thread(target=lambda: watched(Watch(60.0)))  # which may not take signals
    thread.start()
    thread.join()


def test_a_keyboard_interrupt_that_nobody_catches_is_one_line() -> None:
    code = "from vaebench.errors import Interrupted\n"
    code += "try:\n    raise Interrupted('it is kept')\nexcept Exception:\n    pass"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "vaebench: it is kept\n")
    with pytest.raises(KeyboardInterrupt):
        raise Interrupted("it is kept")


LIBRARY = """
import sys
import vaebench
from vaebench.training import interrupts
interrupts.SOON = 0.0
data = vaebench.dataset("bits", "data", path="bits.npy")
settings = {"epochs": 60, "batch_size": 20, "network_settings": {"hidden": [16]}}
try:
    vaebench.train("vae", data, latent=2, folder=sys.argv[1], device="cpu", **settings)
except Exception:
    pass  # as a loop over flavours would: a signal is no error of one of them
"""
COMMAND = "train bits vae --path bits.npy --latent 2 --network-set hidden=[16] --training epochs=60 batch_size=20 "
COMMAND += "--device cpu --output"


def started(folder: Path, output: str, how: str) -> subprocess.Popen[str]:
    command = ["-c", LIBRARY, output] if how == "library" else ["-m", "vaebench", *COMMAND.split(), output]
    return subprocess.Popen([sys.executable, *command], cwd=folder, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str], status: int) -> str:
    """What a process said on standard error."""
    with process:
        told = process.communicate(timeout=300)[1]
    assert process.returncode == status and "Traceback" not in told
    return told


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data and of a run that no signal came to."""
    folder = tmp_path_factory.mktemp("interrupts")
    np.save(folder / "bits.npy", np.random.default_rng(0).integers(0, 2, (280, 4, 4)))
    ended(started(folder, "undisturbed", "library"), 0)
    return folder


@pytest.mark.parametrize(("how", "number"), [("library", signal.SIGTERM), ("command", signal.SIGINT)])
def test_a_signal_costs_an_epoch_at_most(undisturbed: Path, how: str, number: signal.Signals) -> None:
    seen, process = undisturbed / how / "seed0/history.csv", started(undisturbed, how, how)
    while not seen.exists() or b"\n5,validation,total" not in seen.read_bytes():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    told = ended(process, 1)
    found = re.fullmatch(
        rf"vaebench: interrupted by {number.name}: bits/mlp/vae/z2 seed 0 is kept up to epoch (\d+) of 60: run the "
        "same again to go on",
        told.splitlines()[-1],
    )
    assert found
    epoch = int(found[1])
    assert 5 <= epoch < 60 and tag(undisturbed / how / "seed0/checkpoint.safetensors")["progress"]["epoch"] == epoch
    assert 0 <= seen.read_bytes().count(b",validation,total,") - epoch <= 1
    assert f"bits/mlp/vae/z2 seed 0: goes on after epoch {epoch} of 60\n" in ended(started(undisturbed, how, how), 0)
    one, other = (
        {path.name: path.read_bytes() for path in (undisturbed / place / "seed0").iterdir() if path.stem != "cost"}
        for place in (how, "undisturbed")
    )
    assert one == other
