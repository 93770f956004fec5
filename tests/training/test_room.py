"""A model that memory does not hold is told in one line, in no time and no memory."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest
import torch
from faults import fault

from vaebench import interface
from vaebench.model.recipe import Recipe
from vaebench.study import catalogue, config
from vaebench.training import room, runs
from vaebench.training.rehearsal import rehearse


def recipe(flavour: str = "vae", latent: int = 2, side: int = 4, **settings) -> Recipe:
    return Recipe.of(config.cell(flavour, latent=latent, **settings), (1, side, side))


def test_numbers_are_those_of_the_model() -> None:
    counted = {}
    for name in catalogue.names("flavours"):
        made = recipe(name, side=8, network_settings={"hidden": [8]})
        counted[name] = room._numbers(made)
        assert counted[name] == sum(value.numel() for value in made.build().state_dict().values()), name
    assert counted["vae"] == 64 * 8 + 8 + 8 + 8 * 64 + 64 + 27 * 2


@pytest.mark.parametrize("flavour", ["vae", "vae_flow", "vq_vae"])
@pytest.mark.parametrize(
    ("latent", "hidden", "words"),
    [
        (10**9, [8], "a model of 27,000,000,288 numbers"),
        (2, [2**31 - 1], "a model of "),
        (2, [2**31 - 1, 2**31 - 1], "more than 2**63 numbers: it takes inf GB"),
    ],
)
def test_sizes_that_cannot_be(flavour: str, latent: int, hidden: list[int], words: str) -> None:
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = fault(room.check, recipe(flavour, latent, network_settings={"hidden": hidden}), "a cell", 1)
    assert message.startswith("a cell: a model of ") and message.endswith("take a smaller latent size or network")
    assert words in message
    assert time.monotonic() - begun < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16  # KiB


@pytest.mark.parametrize("flavour", ["flow_prior_vae", "poincare_vae", "vae_flow", "vae_iaf"])
def test_flavours_whose_parts_look_at_their_values_are_counted(flavour: str) -> None:
    assert 10 * 10**7 < room._numbers(recipe(flavour, 10**7, network_settings={"hidden": [8]})) < 10**12


def test_a_part_that_waits_for_a_value_is_not_waited_for() -> None:
    class Waiting(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            while not torch.zeros(1).all():
                pass

    with torch.device("meta"), room._Blind(), pytest.raises(RuntimeError, match="waits for a value"):
        Waiting()


def test_training_and_its_rehearsal_refuse_them(tmp_path: Path) -> None:
    data = interface.dataset("digits", limits={"train": 50, "validation": 20, "test": 20})
    cell = config.cell("vae", latent=10**9)
    reason = "numbers: it takes 18,504.0 GB of memory"
    assert reason in fault(lambda: runs.train(cell, [0], data, tmp_path / "runs", device=torch.device("cpu")))
    assert not list((tmp_path / "runs").iterdir())
    (told,) = rehearse([cell], {"digits": data})
    assert told.startswith("digits/mlp/vae/z1000000000: latent size 1000000000: a model of") and reason in told
