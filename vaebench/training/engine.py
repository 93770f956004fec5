"""The training engine: the seeds of one cell, side by side in one program.

The dataset stays on the device as bytes, batches are gathered there by a keyed permutation, and all noise comes from
counter-keyed streams, so a run's bytes depend on its own seed and on the width of the pack, never on its neighbours. A
pack of width 1 runs the flavour's code as it stands; a wider one runs it under `torch.func.vmap`, with every parameter
stacked along a first axis.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.optim.adam import adam

from vaebench import random
from vaebench.data.binarisation import binarise, scaled
from vaebench.errors import VaebenchError, one_line
from vaebench.model.flavour import Flavour
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE, Images

if TYPE_CHECKING:
    from vaebench.study.config import Training

State = dict[str, Tensor]
Batch = dict[str, Tensor]  # what is "observed" of some images and, for a loss that names it, their "grey" values
BETAS, EPSILON = (0.9, 0.999), 1e-8
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


@dataclass
class Progress:
    """Where a run stands: plain data that goes into its checkpoint.

    ``epoch`` counts those of the whole pack, ``trained`` the run's own, up to the one in which it ended.
    """

    epoch: int = 0
    trained: int = 0
    status: str = "running"
    best: float = math.inf
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


class Pack:
    """Runs of one cell that train together; ``seeds`` may repeat, to fill a fixed width."""

    def __init__(
        self,
        flavour: Flavour,
        design: Design,
        hyper: Mapping[str, Any],
        training: Training,
        seeds: list[int],
        feed: Feed,
    ) -> None:
        self.flavour, self.training, self.seeds, self.feed = flavour, training, seeds, feed
        self.hyper = flavour.defaults | dict(hyper)
        self.width, self.device = len(seeds), feed.train.device
        self.seen: dict[str, Batch] = {"train": {"observed": feed.train}, "validation": {"observed": feed.validation}}
        if flavour.needs("grey"):
            for batch, grey in zip(self.seen.values(), feed.grey or (feed.train, feed.validation), strict=True):
                batch["grey"] = grey
        models = [self._initial(design, seed) for seed in seeds]
        self.model = models[0]
        self.trained = [name for name, parameter in self.model.named_parameters() if parameter.requires_grad]
        self.state = self._stack([model.state_dict() for model in models])
        self.best = {name: value.clone() for name, value in self.state.items()}
        self.moments = [{name: torch.zeros_like(self.state[name]) for name in self.trained} for _ in range(2)]
        self.moves = {name: torch.zeros(self.width, device=self.device) for name in self.trained}
        self.leaves = self._attach()
        self.owned = {player: flavour.owned(player, self.trained) for player in flavour.players}
        self.slots = {
            player: list(
                zip(*(self._slots(group, names) for group in (self.state, *self.moments, self.moves)), strict=True)
            )
            for player, names in self.owned.items()
        }
        self.runs = [Progress() for _ in seeds]
        self.steps = math.ceil(len(feed.train) / training.batch_size)
        self.keys = {
            purpose: torch.tensor([random.key(seed, purpose) for seed in seeds], device=self.device)
            for purpose in ("order", "binarisation", "noise", "evaluation")
        }
        self._rehearse()

    def _initial(self, design: Design, seed: int) -> VAE:
        """A seed's fresh model, on the device, after the likelihood's begin and the flavour's."""
        model = self.flavour.initial(design, self.hyper, seed).to(self.device).eval()
        begin = getattr(getattr(model.decoder, "likelihood", None), "begin", None)
        if begin is None and "begin" not in self.flavour.hooks:
            return model
        images = scaled(self.feed.train)
        with torch.no_grad(), random.stream(torch.tensor(random.key(seed, "begin"), device=self.device)):
            if begin is not None:
                begin(images)
            self.flavour.call("begin", model, images, self.hyper)
        return model

    def _rehearse(self) -> None:
        """Run each loss once on two images; raises `VaebenchError` for what could not be repeated, or not stacked."""
        culprit = f"flavour '{self.flavour.name}'"
        kept = {name: value.clone() for name, value in self.state.items()}
        images = {name: whole[:2] for name, whole in self.seen["train"].items()}
        facts, drawn = {"progress": 0.0, "n_data": len(self.feed.train)}, self._drawn()
        self.model.train()
        for player in (*self.flavour.players, "criterion"):
            owned = self.owned.get(player, [])
            try:
                total, _, _ = self._terms(player, images, facts, self.keys["noise"], None, self.training.masking)
                moved: tuple[Tensor | None, ...] = ()
                if owned and total.requires_grad:
                    moved = torch.autograd.grad(total.sum(), [self.leaves[name] for name in owned], allow_unused=True)
            except RuntimeError as error:
                if self.width == 1:
                    raise
                raise VaebenchError(
                    f"{culprit} cannot train seeds side by side in one program ({one_line(error)[:200]}): set pack to 1"
                ) from None
            still = [name for name, gradient in zip_longest(owned, moved) if gradient is None]
            if still:
                raise VaebenchError(
                    f"{culprit}: no gradient of the loss of '{player}' reaches {', '.join(still[:3])}: use these "
                    "parameters in the loss, or freeze them by requires_grad_(False)"
                )
        if drawn != self._drawn():
            raise VaebenchError(
                f"{culprit}: a module draws torch's own random numbers, as nn.Dropout does, which no run could repeat: "
                "take vaebench.model.networks.Dropout, or draw by vaebench.random"
            )
        for name, value in self.state.items():
            if not torch.equal(kept[name], value):
                raise VaebenchError(
                    f"{culprit}: a forward pass changes {name}, as nn.BatchNorm2d does: take nn.GroupNorm or "
                    "nn.LayerNorm"
                )
        self.model.eval()
        some = scaled(self.feed.train[:3])
        with torch.no_grad(), random.stream(self.keys["noise"][0]):
            one, other = (self.model.encoder(some[[0, beside]]).mean[0] for beside in (1, -1))
        if not torch.allclose(one, other, rtol=1e-2, atol=1e-3, equal_nan=True):
            raise VaebenchError(
                f"{culprit}: an image's code depends on the images beside it, as with statistics of the batch: take "
                "nn.GroupNorm or nn.LayerNorm"
            )

    def _drawn(self) -> list[bytes]:
        """Where torch's own generators stand."""
        states = [torch.get_rng_state()]
        if self.device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self.device))
        return [state.numpy().tobytes() for state in states]

    def _stack(self, states: list[State]) -> State:
        return {name: torch.stack([state[name] for state in states]) for name in states[0]}

    def _attach(self) -> State:
        """The tensors that autograd sees, in the memory of the state: the stack, or at width 1 the model's own."""
        if self.width > 1:
            return {name: value.detach().requires_grad_(name in self.trained) for name, value in self.state.items()}
        for name, parameter in self.model.named_parameters():
            parameter.data = self.state[name][0]
        for name, _ in list(self.model.named_buffers()):
            owner, _, last = name.rpartition(".")
            setattr(self.model.get_submodule(owner), last, self.state[name][0])
        return dict(self.model.state_dict(keep_vars=True))

    def _slots(self, stacked: State, names: list[str]) -> list[list[Tensor]]:
        """Each run's own slices, for the optimiser to move in place."""
        return [[stacked[name][slot] for name in names] for slot in range(self.width)]

    def _terms(
        self,
        player: str,
        images: Batch,
        facts: Mapping[str, Any],
        noise: Tensor,
        pixels: Tensor | None,
        masking: float = 0.0,
    ) -> tuple[Tensor, State, State]:
        """Total and terms of a player, each a mean over the batch, (width,) in a pack, scalars at width 1; updates."""

        def single(state: State, images: Batch, noise: Tensor, pixels: Tensor | None) -> tuple[Tensor, State, State]:
            observed = images["observed"]
            target = scaled(observed if pixels is None else binarise(observed, random.Stream(pixels)))
            known = {**self.hyper, **facts}
            if "grey" in images:
                known["grey"] = scaled(images["grey"])
            with random.stream(noise):
                x = (target * (random.uniform(target.shape, target) >= masking), target) if masking else target
                if self.width == 1:
                    terms, updates = self.flavour.terms(player, self.model, x, known)
                else:
                    weights = {f"vae.{name}": value for name, value in state.items()}
                    terms, updates = functional_call(_Terms(self.model, self.flavour, player), weights, (x, known))
            means = {name: term.mean() for name, term in terms.items()}
            updates = {name: value.detach() for name, value in updates.items()}
            return sum(means.values(), torch.zeros((), device=target.device)), means, updates

        if self.width == 1:
            return single(self.leaves, images, noise[0], None if pixels is None else pixels[0])
        own = 0 if images["observed"].dim() == 5 else None
        axes = 0, dict.fromkeys(images, own), 0, None if pixels is None else 0
        return vmap(single, in_dims=axes)(self.leaves, images, noise, pixels)

    def train(self) -> Iterator[int]:
        """Train to the end, yielding the number of epochs done after each; a yield is a safe place to stop."""
        epochs = self.training.epochs if self.trained else 1
        if not self.trained:
            for slot in range(self.width):
                for name, value in self.finished(slot, "last").state_dict().items():
                    self.state[name][slot] = value
        for epoch in range(self.runs[0].epoch, epochs):
            if not any(run.status == "running" for run in self.runs):
                break
            sums = self._epoch(epoch)
            self._validate(epoch + 1, sums)
            yield epoch + 1
        for run in self.runs:
            run.status = "finished" if run.status == "running" else run.status

    def _epoch(self, epoch: int) -> State:
        """One pass over the training images; returns the sum over images of every term."""
        self.model.train()
        active = torch.tensor([run.status == "running" for run in self.runs], device=self.device)
        order = torch.stack(
            [random.permutation(random.fold(key, epoch), len(self.feed.train)) for key in self.keys["order"]]
        )
        sums: State = {}
        for step, chosen in enumerate(order.split(self.training.batch_size, dim=1)):
            time = epoch * self.steps + step
            progress = time / (self.steps * self.training.epochs)
            chosen = chosen if self.width > 1 else chosen[0]
            images = {name: whole[chosen] for name, whole in self.seen["train"].items()}
            noise = random.fold(self.keys["noise"], time)
            pixels = random.fold(self.keys["binarisation"], time) if self.feed.dynamic else None
            for index, player in enumerate(self.flavour.players):
                active = self._move(player, images, random.fold(noise, index), pixels, progress, active, sums)
        for run, alive in zip(self.runs, active.tolist(), strict=True):
            if run.status == "running" and not alive:
                run.status, run.trained = "diverged", epoch + 1
        return sums

    def _move(
        self,
        player: str,
        images: Batch,
        noise: Tensor,
        pixels: Tensor | None,
        progress: float,
        active: Tensor,
        sums: State,
    ) -> Tensor:
        """One step of one player; returns which runs are still finite. A run that is not moves no more."""
        facts = {"progress": progress, "n_data": len(self.feed.train)}
        total, terms, updates = self._terms(player, images, facts, noise, pixels, self.training.masking)
        with torch.no_grad():
            for name, term in (terms | {"total": total} if player == "model" and terms else terms).items():
                value = term.detach().reshape(-1) * images["observed"].shape[-4]
                sums[name] = sums[name] + value if name in sums else value
        owned = self.owned[player]
        if not owned:
            return active
        gradients = torch.autograd.grad(total.sum(), [self.leaves[name] for name in owned])
        active = active & total.detach().reshape(-1).isfinite()
        halt = (~active).to(torch.float32)
        rate = self.training.learning_rate
        if self.training.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * progress))
        with torch.no_grad():
            for name, value in updates.items():
                old = self.state[name]
                moving = active.reshape(-1, *[1] * (old.dim() - 1))
                old.copy_(torch.where(moving, value.reshape(old.shape), old))
            # The fused CPU kernel reads storage in order, so a gradient must have its parameter's strides.
            gradients = tuple(
                gradient if gradient.stride() == self.leaves[name].stride() else gradient.contiguous()
                for name, gradient in zip(owned, gradients, strict=True)
            )
            for slot, (parameters, first, second, moves) in enumerate(self.slots[player]):
                adam(
                    parameters,
                    [gradient[slot] for gradient in gradients] if self.width > 1 else list(gradients),
                    first,
                    second,
                    [],
                    moves,
                    fused=True,
                    found_inf=halt[slot],
                    amsgrad=False,
                    beta1=BETAS[0],
                    beta2=BETAS[1],
                    lr=rate,
                    weight_decay=0.0,
                    eps=EPSILON,
                    maximize=False,
                )
        return active

    @torch.no_grad()
    def _validate(self, epoch: int, sums: State) -> None:
        """Record the epoch, keep the weights of each run's best, and stop the runs that have run out of patience."""
        self.model.eval()
        totals: State = {}
        for index, start in enumerate(range(0, len(self.feed.validation), EVALUATION_BATCH)):
            images = {name: whole[start : start + EVALUATION_BATCH] for name, whole in self.seen["validation"].items()}
            noise = random.fold(self.keys["evaluation"], index)
            facts = {"progress": 1.0, "n_data": len(self.feed.train)}
            total, terms, _ = self._terms("criterion", images, facts, noise, None)
            for name, term in (terms | {"total": total} if terms else terms).items():
                totals[name] = totals.get(name, 0) + term.reshape(-1) * len(images["observed"])
        seen = {"train": (sums, len(self.feed.train)), "validation": (totals, len(self.feed.validation))}
        values = {
            split: {name: (term / count).tolist() for name, term in terms.items()}
            for split, (terms, count) in seen.items()
        }
        for slot, run in enumerate(self.runs):
            run.epoch = epoch
            if run.status != "running":
                continue
            run.trained = epoch
            run.history += [
                {"epoch": epoch, "split": split, "term": name, "value": term[slot]}
                for split, terms in values.items()
                for name, term in terms.items()
            ]
            score = values["validation"]["total"][slot] if "total" in totals else 0.0
            if not math.isfinite(score):
                run.status = "diverged"
            elif score < run.best or not self.trained or self.flavour.keeps == "last":
                run.best, run.best_epoch = score, epoch
                for name, value in self.state.items():
                    self.best[name][slot] = value[slot]
            elif self.training.patience is not None and epoch - run.best_epoch >= self.training.patience:
                run.status = "stopped"

    def finished(self, slot: int, which: str) -> VAE:
        """The ``best`` or ``last`` model of a run, on the device, after the flavour's finish."""
        source = self.best if which == "best" else self.state
        model = copy.deepcopy(self.model).eval()
        model.load_state_dict({name: value[slot] for name, value in source.items()})
        if "finish" in self.flavour.hooks:
            self.flavour.call("finish", model, scaled(self.feed.train), self.hyper)
        return model

    def _groups(self) -> dict[str, State]:
        first, second = self.moments
        return {"state": self.state, "best": self.best, "first": first, "second": second, "moves": self.moves}

    def checkpoint(self, slot: int) -> tuple[State, dict[str, Any]]:
        """All that a run needs to resume to the same bytes: tensors, and its progress as plain data."""
        groups = self._groups()
        tensors = {
            f"{group}/{name}": value[slot].cpu().clone()
            for group, values in groups.items()
            for name, value in values.items()
        }
        return tensors, asdict(self.runs[slot])

    def resume(self, slot: int, tensors: State, progress: Mapping[str, Any]) -> None:
        """Put a run back to where `checkpoint` took it."""
        groups = self._groups()
        for key, value in tensors.items():
            group, _, name = key.partition("/")
            groups[group][name][slot] = value.to(self.device)
        self.runs[slot] = Progress(**progress)


class _Terms(torch.nn.Module):
    """A player's loss as a module, for `torch.func.functional_call` to run with other weights."""

    def __init__(self, vae: VAE, flavour: Flavour, player: str) -> None:
        super().__init__()
        self.vae, self.flavour, self.player = vae, flavour, player

    def forward(self, x: Images, known: Mapping[str, Any]) -> tuple[State, State]:
        return self.flavour.terms(self.player, self.vae, x, known)
