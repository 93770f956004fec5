"""The training engine: the seeds of one cell, side by side in one program.

The dataset stays on the device as bytes, batches are gathered there by a keyed permutation, and all noise comes from
counter-keyed streams, so a run's bytes depend on its own seed and on the width of the pack, never on its neighbours.
An epoch is the step of `vaebench.training.step` once per batch, then validation; one read-back tells how the runs
stand.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaebench import random
from vaebench.data.binarisation import scaled
from vaebench.model.flavour import Flavour
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE
from vaebench.training import contract
from vaebench.training.hardware import without_subnormals
from vaebench.training.optimiser import Adam
from vaebench.training.precision import products
from vaebench.training.program import Program
from vaebench.training.progress import Progress
from vaebench.training.schedule import Schedule
from vaebench.training.stack import Batch, Stack, State, add
from vaebench.training.step import Step

if TYPE_CHECKING:
    from vaebench.study.config import Training

EVALUATION_BATCH = 1000


@dataclass
class Feed:
    """What the runs see, on the device as it is stored: (images, channels, height, width).

    ``grey`` are the training and validation images before binarisation, where those two are not.
    """

    train: Tensor
    validation: Tensor
    dynamic: bool
    grey: tuple[Tensor, Tensor] | None = None

    def seen(self, grey: bool) -> tuple[Batch, Batch]:
        """Training and validation images, with or without what they were before binarisation."""
        train, validation = {"observed": self.train}, {"observed": self.validation}
        if grey:
            train["grey"], validation["grey"] = self.grey or (self.train, self.validation)
        return train, validation


class Pack:
    """Runs of one cell that train together; ``seeds`` may repeat, to fill a fixed width.

    Raises `VaebenchError` for a flavour that does not keep to the contract of `vaebench.training.contract`. On a GPU
    steps are recorded and replayed, unless ``record`` is off.
    """

    def __init__(
        self,
        flavour: Flavour,
        design: Design,
        hyper: Mapping[str, Any],
        training: Training,
        seeds: list[int],
        feed: Feed,
        record: bool = True,
    ) -> None:
        self.flavour, self.training, self.seeds, self.feed = flavour, training, seeds, feed
        self.hyper = hyper
        device = feed.train.device
        self.keys = {
            purpose: torch.tensor([random.key(seed, purpose) for seed in seeds], device=device)
            for purpose in ("order", "binarisation", "noise", "evaluation")
        }
        self.stack = Stack(flavour, self.hyper, [self._initial(design, seed) for seed in seeds])
        train, self.validation = feed.seen(flavour.needs("grey"))
        some = {name: whole[:3] for name, whole in train.items()}
        self.schedule = Schedule(training, len(feed.train), self.keys["order"])
        contract.check(self.stack, some, self.keys["noise"], self.schedule)
        self.best = {name: value.clone() for name, value in self.state.items()}
        self.optimisers = {player: Adam(self.state, names) for player, names in self.stack.owned.items()}
        self.step = Step(
            self.stack,
            self.optimisers,
            self.schedule,
            train,
            self.keys["noise"],
            self.keys["binarisation"] if feed.dynamic else None,
            training.masking,
        )
        self.totals: State = {}
        self.programs = [Program(function, device, record) for function in (self.step, self._judge)]
        self.runs = [Progress() for _ in seeds]

    @property
    def state(self) -> State:
        """Every parameter and buffer of the runs, (runs, ...)."""
        return self.stack.state

    def _initial(self, design: Design, seed: int) -> VAE:
        """A seed's fresh model, on the device, after the likelihood's begin and the flavour's."""
        device = self.feed.train.device
        model = self.flavour.initial(design, self.hyper, seed).to(device).eval()
        begin = getattr(getattr(model.decoder, "likelihood", None), "begin", None)
        if begin is None and "begin" not in self.flavour.hooks:
            return model
        images = scaled(self.feed.train)
        with torch.no_grad(), random.stream(torch.tensor(random.key(seed, "begin"), device=device)):
            if begin is not None:
                begin(images)
            self.flavour.call("begin", model, images, self.hyper)
        return model

    def train(self) -> Iterator[int]:
        """Train to the end, yielding the number of epochs done after each; a yield is a safe place to stop."""
        epochs = self.training.epochs if self.stack.trained else 1
        if not self.stack.trained:
            for slot in range(self.stack.width):
                for name, value in self.finished(slot, "last").state_dict().items():
                    self.state[name][slot] = value
        for epoch in range(self.runs[0].epoch, epochs):
            if not any(run.status == "running" for run in self.runs):
                break
            with without_subnormals(), products(self.training.precision, self.feed.train.device):
                self._epoch(epoch)
                self._validate()
            self._note(epoch + 1)
            yield epoch + 1
        for run in self.runs:
            run.status = "finished" if run.status == "running" else run.status

    def _epoch(self, epoch: int) -> None:
        """One pass over the training images."""
        self.stack.model.train()
        self.schedule.begin(epoch)
        self.step.begin([run.status == "running" for run in self.runs])
        for size in self.schedule.sizes():
            self.programs[0](size)

    def _validate(self) -> None:
        """One pass over the validation images."""
        self.stack.model.eval()
        for value in self.totals.values():
            value.zero_()
        for start in range(0, len(self.feed.validation), EVALUATION_BATCH):
            self.programs[1](start)

    @torch.no_grad()
    def _judge(self, start: int) -> None:
        """Add the criterion's terms on the validation images from ``start`` on to the ``totals`` over images."""
        images = {name: whole[start : start + EVALUATION_BATCH] for name, whole in self.validation.items()}
        noise = random.fold(self.keys["evaluation"], start // EVALUATION_BATCH)
        facts = {"progress": torch.ones((), device=noise.device), "n_data": len(self.feed.train)}
        total, terms, _ = self.stack.terms("criterion", images, facts, noise)
        add(self.totals, terms | {"total": total} if terms else terms, len(images["observed"]))

    def _note(self, epoch: int) -> None:
        """Read back how the runs stand, and keep the weights of those whose epoch is the best so far."""
        seen = {
            "train": (self.step.sums, len(self.feed.train)),
            "validation": (self.totals, len(self.feed.validation)),
        }
        means = [total / count for totals, count in seen.values() for total in totals.values()]
        rows = torch.stack([self.step.active.to(torch.float32), *means]).T.tolist()
        always = not self.stack.trained or self.flavour.keeps == "last"
        for slot, (run, (finite, *values)) in enumerate(zip(self.runs, rows, strict=True)):
            row = iter(values)
            terms = {split: dict(zip(totals, row, strict=False)) for split, (totals, _) in seen.items()}
            if run.note(epoch, bool(finite), terms, always, self.training.patience):
                for name, value in self.state.items():
                    self.best[name][slot] = value[slot]

    def finished(self, slot: int, which: str) -> VAE:
        """The ``best`` or ``last`` model of a run, on the device, after the flavour's finish."""
        source = self.best if which == "best" else self.state
        model = copy.deepcopy(self.stack.model).eval()
        model.load_state_dict({name: value[slot] for name, value in source.items()})
        if "finish" in self.flavour.hooks:
            self.flavour.call("finish", model, scaled(self.feed.train), self.hyper)
        return model

    def _groups(self) -> dict[str, State]:
        """All tensors that a run's checkpoint holds, (runs, ...)."""
        groups: dict[str, State] = {"state": self.state, "best": self.best, "first": {}, "second": {}, "moves": {}}
        for optimiser in self.optimisers.values():
            for name in ("first", "second", "moves"):
                groups[name] |= getattr(optimiser, name)
        return groups

    def checkpoint(self, slot: int) -> tuple[State, dict[str, Any]]:
        """All that a run needs to resume to the same bytes: tensors, and its progress as plain data."""
        tensors = {
            f"{group}/{name}": value[slot].cpu().clone()
            for group, values in self._groups().items()
            for name, value in values.items()
        }
        return tensors, asdict(self.runs[slot])

    def resume(self, slot: int, tensors: State, progress: Mapping[str, Any]) -> None:
        """Put a run back to where `checkpoint` took it."""
        groups = self._groups()
        for key, value in tensors.items():
            group, _, name = key.partition("/")
            groups[group][name][slot] = value.to(self.feed.train.device)
        self.runs[slot] = Progress(**progress)
