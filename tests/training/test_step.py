"""The pieces of the engine one by one, and whether a step is what a CUDA graph can record and replay."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_leaves

import vaebench
from vaebench import random
from vaebench.model.flavour import Flavour, flavour
from vaebench.model.networks.conv import conv
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.optimiser import Adam
from vaebench.training.program import WARM_UP, Program
from vaebench.training.progress import Progress
from vaebench.training.schedule import Schedule
from vaebench.training.stack import Stack
from vaebench.training.step import Step

IMAGE = (1, 28, 28)
NETWORKS = {"mlp": mlp(IMAGE, hidden=(16,)), "conv": conv(IMAGE, channels=(4, 8, 8), hidden=16)}
ROOT = str(Path(vaebench.__file__).parent)
WAITING = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
META, HOST = torch.device("meta"), torch.tensor(0)


class Watch(TorchDispatchMode):
    """Refuses operations that a CUDA graph could not replay: what waits for the device, or touches the host's memory.

    The numbers of Python that `torch.func.vmap` makes tensors of are no memory: kernels take them by value.
    """

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[Tensor] = []

    def __torch_dispatch__(self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = operation._schema.name
        if "index" in name and isinstance(args[1], list | tuple):
            waits = any(index.dtype in (torch.bool, torch.uint8) for index in args[1] if index is not None)
        else:
            waits = bool(WAITING.intersection(operation.tags)) or name == "aten::_linalg_check_errors"
        assert not waits, f"{place()}: {operation} waits for the device"
        assert name != "aten::lift_fresh", f"{place()}: makes a tensor of the host's data"
        result = operation(*args, **kwargs or {})
        given = self.tensors((args, kwargs))
        if name == "aten::_to_copy" and not given:
            self.numbers.append(result)
        for tensor in (*given, *self.tensors(result)):
            assert tensor.device == META, f"{place()}: {operation} touches the host's memory"
        return result

    def tensors(self, values: Any) -> list[Tensor]:
        """Those among arguments or results that hold something, and are no numbers."""
        numbers = {number.data_ptr() for number in self.numbers}
        return [
            value
            for value in tree_leaves(values)
            if isinstance(value, Tensor) and (value.is_meta or value.data_ptr() not in numbers)
        ]


def place() -> str:
    """File and line of the package that the operation under way comes from."""
    frame = sys._getframe()
    while frame is not None and not frame.f_code.co_filename.startswith(ROOT):
        frame = frame.f_back
    return "?" if frame is None else f"{Path(frame.f_code.co_filename).relative_to(ROOT)}:{frame.f_lineno}"


@pytest.fixture
def strict() -> Iterator[None]:
    """Without what `torch.func.vmap` falls back to for an operation that it has no rule for: a loop."""
    torch._C._functorch._set_vmap_fallback_enabled(False)
    yield
    torch._C._functorch._set_vmap_fallback_enabled(True)


def stepping(kind: Flavour, models: list[Any], images: Tensor, **training: Any) -> Step:
    """The step of these models, all in training and before an epoch's first batch; images are binarised anew."""
    stack = Stack(kind, {}, models)
    stack.model.train()
    observed = {"observed": images, "grey": images} if kind.needs("grey") else {"observed": images}
    keys = torch.arange(len(models), device=images.device)
    schedule = Schedule(Training(**training), len(images), keys)
    optimisers = {player: Adam(stack.state, names) for player, names in stack.owned.items()}
    step = Step(stack, optimisers, schedule, observed, keys + 100, keys + 200, 0.0)
    schedule.begin(0)
    step.begin([True] * len(models))
    return step


def buffers(step: Step) -> dict[str, Tensor]:
    """All that a step reads or overwrites, by where it is."""
    parts = {
        "stack": [step.stack.state, step.stack.leaves, dict(step.stack.model.state_dict(keep_vars=True))],
        "optimisers": [vars(optimiser) for optimiser in step.optimisers.values()],
        "schedule": vars(step.schedule),
        "step": [step.images, step.noise, step.pixels, step.noises, step.bits, step.active, step.sums],
    }
    found, _ = tree_flatten_with_path(parts)
    return {keystr(path): value for path, value in found if isinstance(value, Tensor)}


def recordable(kind: Flavour, design: Design, width: int) -> None:
    """Assert that a step can be recorded once it has run as often as a `Program` warms up."""
    model = kind.initial(design, {}, 0).to(META)
    images = torch.empty(20, *design.image, dtype=torch.uint8, device=META)
    step = stepping(kind, [model] * width, images, batch_size=8)
    for _ in range(WARM_UP):
        step(8)
    before = {name: (value, value.untyped_storage()._cdata) for name, value in buffers(step).items()}
    with Watch():
        step(8)
    after = buffers(step)
    assert after.keys() == before.keys()
    for name, (value, memory) in before.items():
        assert after[name] is value and value.untyped_storage()._cdata == memory, f"{name} is another tensor"
    for value in (step.schedule.time, step.schedule.progress):
        assert (value.shape, value.device) == ((), META)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    "network, width",
    [("mlp", 1), ("conv", 10), *(pytest.param(*other, marks=pytest.mark.slow) for other in (("mlp", 10), ("conv", 1)))],
)
@pytest.mark.parametrize("name", catalogue.names("flavours"))
def test_a_step_can_be_recorded(name: str, network: str, width: int) -> None:
    design = Design(IMAGE, 4, NETWORKS[network], catalogue.load("likelihoods", "bernoulli"))
    recordable(catalogue.load("flavours", name), design, width)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("likelihood", catalogue.names("likelihoods"))
def test_a_step_can_be_recorded_with_every_likelihood(likelihood: str) -> None:
    design = Design(IMAGE, 4, NETWORKS["mlp"], catalogue.load("likelihoods", likelihood))
    recordable(catalogue.load("flavours", "vae"), design, 10)


@pytest.mark.parametrize(
    "fault, said",
    [
        (lambda x: x * torch.tensor(2.0), r"makes a tensor of the host's data"),
        (lambda x: x * torch.ones(()), r"aten.ones.default touches the host's memory"),
        (lambda x: random.fold(HOST, 1), r"random.py:\d+: aten.add.Tensor touches the host's memory"),
        (lambda x: x.nonzero(), r"aten.nonzero.default waits for the device"),
        (lambda x: x.index_put_((x > 0,), x), r"aten.index_put_.default waits for the device"),
        (lambda x: torch.linalg.cholesky(x.diag()), r"aten._linalg_check_errors.default waits for the device"),
    ],
)
def test_the_watch_tells_what_cannot_be_recorded_and_where(fault: Callable[[Tensor], Tensor], said: str) -> None:
    x = torch.ones(3, device=META)
    with pytest.raises(AssertionError, match=said), Watch():
        fault(x)


def passed(schedule: Schedule, epoch: int) -> Tensor:
    """The images of an epoch's batches in turn, (runs, images)."""
    schedule.begin(epoch)
    batches = []
    for size in schedule.sizes():
        batches.append(schedule.chosen(size))
        schedule.advance()
    assert [batch.shape for batch in batches] == [(len(schedule.keys), size) for size in schedule.sizes()]
    return torch.cat(batches, 1)


def test_an_epoch_is_a_permutation_that_depends_on_the_key_and_the_epoch_alone() -> None:
    keys = torch.tensor([5, 6])
    schedule = Schedule(Training(epochs=4, batch_size=4), 10, keys)
    assert (schedule.sizes(), schedule.steps) == ([4, 4, 2], 3)
    epochs = [passed(schedule, epoch) for epoch in range(4)]
    for epoch, order in enumerate(epochs):
        assert order.sort().values.tolist() == [list(range(10))] * 2
        for run, key in zip(order, keys, strict=True):
            assert torch.equal(run, random.permutation(random.fold(key, epoch), 10))
    assert len({tuple(run.tolist()) for order in epochs for run in order}) == 8
    again = Schedule(Training(epochs=4, batch_size=4), 10, keys)
    assert torch.equal(passed(again, 2), epochs[2]) and torch.equal(passed(again, 0), epochs[0])


def test_progress_and_rate_follow_the_counter() -> None:
    moving, still = (
        Schedule(Training(epochs=3, batch_size=4, learning_rate=0.2, schedule=name), 10, torch.tensor([5]))
        for name in ("cosine", "constant")
    )
    for step in range(9):
        if step % 3 == 0:
            moving.begin(step // 3)
        assert moving.time.item() == step
        assert moving.progress.item() == pytest.approx(step / 9)
        assert float(moving.rate) == pytest.approx(0.1 * (1 + math.cos(math.pi * step / 9)), rel=1e-6)
        moving.advance()
    assert (moving.progress.item(), still.rate) == (1, 0.2)
    assert float(moving.rate) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("together", [False, True], ids=["apart", "together"])
@pytest.mark.parametrize("rate", [0.01, torch.tensor(0.01)], ids=["number", "tensor"])
def test_adam_is_that_of_torch_and_leaves_a_run_that_stands_still(rate: float | Tensor, together: bool) -> None:
    """Two runs over five moves, the second of which stands still from its third on, where its gradients are missing."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"weight": (2, 3, 4), "bias": (2, 3), "scale": (2,)}
    state = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    names = list(state)
    optimiser = Adam(state, names, together)
    groups = [state] if together else [state, optimiser.first, optimiser.second]
    models = [[nn.Parameter(state[name][run].clone()) for name in names] for run in range(2)]
    peers = [torch.optim.Adam(model, 0.01) for model in models]
    for move in range(5):
        gradients = [torch.randn(shape, generator=generator) for shape in shapes.values()]
        active = torch.tensor([True, move < 2])
        for run in range(2):
            for parameter, gradient in zip(models[run], gradients, strict=True):
                parameter.grad = gradient[run].clone()
            if active[run]:
                peers[run].step()
        gradients[0] = gradients[0].mT.contiguous().mT  # in another layout than its parameter
        for gradient in gradients:
            gradient[~active] = math.nan
        still = [value[1].clone() for group in groups for value in group.values()]
        optimiser.move(gradients, rate, active)
        if not active[1]:
            assert all(map(torch.equal, still, [value[1] for group in groups for value in group.values()]))
    for run, moves in enumerate((5, 2)):
        for name, parameter in zip(names, models[run], strict=True):
            torch.testing.assert_close(state[name][run], parameter.detach())
            if run == 0 or not together:
                torch.testing.assert_close(optimiser.first[name][run], peers[run].state[parameter]["exp_avg"])
                torch.testing.assert_close(optimiser.second[name][run], peers[run].state[parameter]["exp_avg_sq"])
                assert optimiser.moves[name][run] == moves


@pytest.mark.parametrize("together", [False, True], ids=["apart", "together"])
def test_adam_goes_on_from_what_a_checkpoint_holds_of_each_run(together: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    state = {"weight": torch.randn(2, 3, generator=generator)}
    gradients = torch.randn(6, 2, 3, generator=generator)
    first, active = Adam(state, ["weight"], together), torch.tensor([True, True])
    for gradient in gradients[:3]:
        first.move([gradient], 0.01, active)
    again = {"weight": state["weight"].clone()}
    second = Adam(again, ["weight"], together)
    for slot in range(2):
        for group in ("first", "second", "moves"):
            getattr(second, group)["weight"][slot] = getattr(first, group)["weight"][slot].clone()
    for gradient in gradients[3:]:
        first.move([gradient], 0.01, active)
        second.move([gradient], 0.01, active)
    assert torch.equal(again["weight"], state["weight"])
    assert second.moves["weight"].tolist() == [6, 6]


@pytest.mark.parametrize("name", ["vae", "vae_gan", "vq_vae"])
def test_adam_of_all_runs_at_once_trains_as_that_of_each(name: str) -> None:
    """Over two epochs with a run that diverges in the first, which every weight of the others is free of."""
    kind = catalogue.load("flavours", name)
    design = Design((1, 8, 8), 2, mlp((1, 8, 8), hidden=(16,)), catalogue.load("likelihoods", "bernoulli"))
    images = torch.randint(256, (40, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    steps = []
    for together in (False, True):
        step = stepping(kind, [kind.initial(design, {}, seed) for seed in range(3)], images, epochs=2, batch_size=16)
        step.optimisers = {
            player: Adam(step.stack.state, names, together) for player, names in step.stack.owned.items()
        }
        lost = next(value for value in step.stack.state.values() if value.is_floating_point())[1]
        for epoch in range(2):
            step.schedule.begin(epoch)
            step.begin([True] * 3 if epoch == 0 else step.active.tolist())
            for number, size in enumerate(step.schedule.sizes()):
                if (epoch, number) == (0, 2):
                    lost.fill_(math.nan)
                step(size)
        assert step.active.tolist() == [True, False, True]
        steps.append(step)
    apart, whole = steps
    assert [apart.optimisers["model"].together, whole.optimisers["model"].together] == [False, True]
    for key, value in apart.stack.state.items():
        torch.testing.assert_close(whole.stack.state[key], value, rtol=1e-5, atol=1e-6, equal_nan=True)
    for slot in (0, 2):
        assert {moves[slot].item() for moves in whole.optimisers["model"].moves.values()} == {6}


def test_a_program_on_the_cpu_runs_its_function_each_time() -> None:
    numbers: list[int] = []
    program = Program(numbers.append, torch.device("cpu"))
    for number in (4, 4, 2, 4, 4, 2):
        program(number)
    assert numbers == [4, 4, 2, 4, 4, 2]


class dial(nn.Module):
    """A part that is one number."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.ones(()))


@flavour(encoder=None, prior=None, decoder=None, dial=dial)
def shading(vae, x):
    """One term that is a mean over images, and one whose slope is 1, where it is defined."""
    return {"shade": x.mean((1, 2, 3)), "level": vae.dial.level.sqrt().square()}


def shades(levels: list[float]) -> Step:
    """The step, of 4 of 10 images of 2x2 random bytes, of runs that start at these levels."""
    images = torch.randint(256, (10, 1, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    models = [shading.build(Design((1, 2, 2), 1, NETWORKS["mlp"], nn.Identity)) for _ in levels]
    for model, value in zip(models, levels, strict=True):
        nn.init.constant_(model.get_parameter("dial.level"), value)
    return stepping(shading, models, images, epochs=2, batch_size=4, learning_rate=0.01)


@pytest.mark.parametrize("levels", [[1.0], [1.0, 2.0]], ids=["single", "pack"])
def test_sums_are_over_images(levels: list[float]) -> None:
    """Adam moves by the learning rate where the slope is 1, so that the level is known in every batch."""
    step = shades(levels)
    step.pixels = step.bits = None
    for epoch in range(2):
        step.schedule.begin(epoch)
        step.begin([True] * len(levels))
        for size in step.schedule.sizes():
            step(size)
        shade = step.images["observed"].double().div(255).mean((1, 2, 3)).sum().item()
        level = [10 * (value - 0.03 * epoch) - 0.01 * (0 * 4 + 1 * 4 + 2 * 2) for value in levels]
        assert step.sums["shade"].tolist() == pytest.approx([shade] * len(levels))
        assert step.sums["level"].tolist() == pytest.approx(level)
        assert step.sums["total"].tolist() == pytest.approx([shade + value for value in level])
    assert step.schedule.time.item() == 6


def test_a_run_whose_loss_is_not_finite_stands_still() -> None:
    step = shades([1.0, -1.0, 1.0])
    step.begin([True, True, False])
    moves = step.optimisers["model"].moves["dial.level"]
    for count in (1, 2):
        step(4)
        assert step.active.tolist() == [True, False, False]
        assert step.stack.state["dial.level"].tolist() == pytest.approx([1 - 0.01 * count, -1, 1])
        assert moves.tolist() == [count, 0, 0]


def noted(scores: list[float], patience: int | None = None, always: bool = False) -> tuple[Progress, list[bool]]:
    """A run after epochs of these validation totals, and whether each was the best."""
    run = Progress()
    rows = [{"train": {"total": 0.0}, "validation": {"total": score}} for score in scores]
    return run, [run.note(epoch, True, row, always, patience) for epoch, row in enumerate(rows, 1)]


def test_the_best_epoch_has_the_least_validation_loss_and_patience_counts_from_it() -> None:
    run, best = noted([3.0, 2.0, 2.5, 2.0, 1.0], patience=2)
    assert best == [True, True, False, False, False]
    assert (run.status, run.best, run.best_epoch, run.trained, run.epoch) == ("stopped", 2.0, 2, 4, 5)
    assert [row["value"] for row in run.history if row["split"] == "validation"] == [3.0, 2.0, 2.5, 2.0]
    assert noted([3.0, 2.0, 2.5, 2.0, 1.0])[1] == [True, True, False, False, True]


@pytest.mark.parametrize("finite, score, rows", [(False, 1.0, 2), (True, math.nan, 4), (True, math.inf, 4)])
def test_a_run_diverges_by_its_loss_or_by_its_validation(finite: bool, score: float, rows: int) -> None:
    """What training saw of an epoch whose loss was not finite is not kept."""
    run, _ = noted([2.0])
    assert not run.note(2, finite, {"train": {"total": 0.0}, "validation": {"total": score}}, False, None)
    assert (run.status, run.best, run.best_epoch, run.trained, len(run.history)) == ("diverged", 2.0, 1, 2, rows)


def test_a_run_that_always_keeps_the_last_epoch_knows_no_patience() -> None:
    run, best = noted([1.0, 2.0, 3.0], patience=1, always=True)
    assert best == [True] * 3
    assert (run.status, run.best, run.best_epoch) == ("running", 3.0, 3)
    bare = Progress()
    assert bare.note(1, True, {"train": {}, "validation": {}}, True, None)
    assert (bare.best, bare.history) == (0.0, [])
