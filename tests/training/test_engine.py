from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.distributions import Distribution, Independent, Normal

from vaebench import random
from vaebench.data.binarisation import binarise, scaled
from vaebench.errors import VaebenchError
from vaebench.flavours.gaussian.vae import vae
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flavour import Flavour, flavour
from vaebench.model.networks import Dropout
from vaebench.model.networks.conv import conv
from vaebench.model.networks.mlp import mlp
from vaebench.model.objectives.bounds import negative_elbo
from vaebench.model.parts.design import Design
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.study.ranges import NonNegative
from vaebench.training.engine import Feed, Pack

IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
DESIGN = Design((1, 8, 8), 2, mlp((1, 8, 8), hidden=(16, 8)), catalogue.load("likelihoods", "bernoulli"))
CONVOLUTIONS = Design((1, 8, 8), 2, conv((1, 8, 8), channels=(4, 8), hidden=16), DESIGN.likelihood)
TRAINED = ["ae", "vae", "beta_vae"]


def pack(
    seeds: list[int],
    kind: Flavour = vae,
    design: Design = DESIGN,
    dynamic: bool = True,
    images: int = 200,
    **settings: object,
) -> Pack:
    training = Training(**({"epochs": 3, "batch_size": 32} | settings))  # type: ignore[arg-type]
    return Pack(kind, design, kind.defaults, training, seeds, Feed(IMAGES[:images], IMAGES[-150:], dynamic))


def trained(*arguments, **settings) -> Pack:
    runs = pack(*arguments, **settings)
    list(runs.train())
    return runs


def weights(runs: Pack, slot: int) -> dict[str, torch.Tensor]:
    return {name: value[slot] for name, value in runs.state.items()}


def assert_same(a: Pack, slot_a: int, b: Pack, slot_b: int) -> None:
    for name, value in weights(a, slot_a).items():
        assert torch.equal(value, b.state[name][slot_b]), name
    assert a.runs[slot_a] == b.runs[slot_b]


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("design", [DESIGN, CONVOLUTIONS], ids=["mlp", "conv"])
def test_a_run_does_not_depend_on_neighbours_or_slot(name: str, design: Design) -> None:
    kind = catalogue.load("flavours", name)
    alone = trained([7, 7, 7], kind, design)
    assert_same(alone, 0, trained([3, 7, 5], kind, design), 1)
    assert_same(alone, 0, trained([11, 12, 7], kind, design), 2)
    assert_same(alone, 0, alone, 2)


def test_seeds_differ() -> None:
    runs = trained([0, 1])
    assert not torch.equal(runs.state["encoder.network.1.weight"][0], runs.state["encoder.network.1.weight"][1])


@pytest.mark.parametrize("name", TRAINED)
def test_a_pack_agrees_with_single_runs_to_rounding(name: str) -> None:
    kind = catalogue.load("flavours", name)
    wide = trained([0, 1], kind, epochs=1)
    for slot in (0, 1):
        narrow = trained([slot], kind, epochs=1)
        for label, value in weights(wide, slot).items():
            torch.testing.assert_close(value, narrow.state[label][0], rtol=1e-4, atol=1e-5)
        assert wide.runs[slot].best == pytest.approx(narrow.runs[0].best, rel=1e-4)


def test_a_diverged_neighbour_is_frozen_and_changes_nothing() -> None:
    sound = trained([0, 1, 2])
    broken = pack([0, 1, 2])
    broken.state["decoder.network.0.weight"][1, 0, 0] = math.nan
    list(broken.train())
    assert [run.status for run in broken.runs] == ["finished", "diverged", "finished"]
    assert_same(sound, 0, broken, 0)
    assert_same(sound, 2, broken, 2)
    untouched = vae.initial(DESIGN, {}, 1).state_dict()["encoder.network.1.weight"]
    assert torch.equal(broken.state["encoder.network.1.weight"][1], untouched)


def test_a_single_run_that_diverges_stops() -> None:
    runs = pack([0])
    runs.state["decoder.network.0.weight"][0, 0, 0] = math.nan
    assert list(runs.train()) == [1]
    assert (runs.runs[0].status, runs.runs[0].best_epoch) == ("diverged", 0)


@pytest.mark.parametrize("seeds", [[4], [4, 5]], ids=["single", "pack"])
def test_the_same_configuration_gives_the_same_bytes(seeds: list[int]) -> None:
    first, second = trained(seeds), trained(seeds)
    for slot in range(len(seeds)):
        assert_same(first, slot, second, slot)


@pytest.mark.parametrize("seeds", [[4], [4, 5]], ids=["single", "pack"])
def test_a_resumed_run_has_the_bytes_of_an_undisturbed_one(seeds: list[int]) -> None:
    whole = trained(seeds, epochs=4, schedule="cosine")
    first = pack(seeds, epochs=4, schedule="cosine")
    for epoch in first.train():
        if epoch == 2:
            break
    saved = [first.checkpoint(slot) for slot in range(len(seeds))]
    second = pack(seeds, epochs=4, schedule="cosine")
    for slot, (tensors, progress) in enumerate(saved):
        second.resume(slot, tensors, progress)
    assert list(second.train()) == [3, 4]
    for slot in range(len(seeds)):
        assert_same(whole, slot, second, slot)
        for name, value in whole.best.items():
            assert torch.equal(value[slot], second.best[name][slot])


def test_the_optimiser_is_adam() -> None:
    """The engine's steps against `torch.optim.Adam` on the same batches and noise, written out."""
    runs = trained([0], epochs=2)
    model = vae.initial(DESIGN, {}, 0)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    keys = {name: torch.tensor(random.key(0, name)) for name in ("order", "noise", "binarisation")}
    time = 0
    for epoch in range(2):
        for chosen in random.permutation(random.fold(keys["order"], epoch), 200).split(32):
            x = scaled(binarise(IMAGES[chosen], random.Stream(random.fold(keys["binarisation"], time))))
            with random.stream(random.fold(random.fold(keys["noise"], time), 0)):
                draw = model(x)
            optimiser.zero_grad()
            (draw.kl - draw.log_px).mean().backward()
            optimiser.step()
            time += 1
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, runs.state[name][0], rtol=1e-5, atol=1e-6)


def test_every_image_is_seen_once_an_epoch_and_the_last_batch_may_hold_one() -> None:
    runs = trained([0], images=65, batch_size=32, epochs=1, dynamic=False)
    assert runs.schedule.steps == 3
    order = random.permutation(random.fold(runs.keys["order"][0], 0), 65)
    assert sorted(order.tolist()) == list(range(65))
    assert runs.runs[0].status == "finished"


def test_epoch_means_weigh_every_image_alike() -> None:
    """With a learning rate that moves nothing, the epoch's mean is the mean over images, whatever the batches."""
    rows = {}
    for size in (7, 200):
        run = trained(
            [0], catalogue.load("flavours", "ae"), batch_size=size, epochs=1, dynamic=False, learning_rate=1e-30
        )
        rows[size] = next(row["value"] for row in run.runs[0].history if row["split"] == "train")
    assert rows[7] == pytest.approx(rows[200], rel=1e-6)


def test_validation_noise_is_fixed_and_totals_are_sums_of_terms() -> None:
    run = trained([0], learning_rate=1e-30).runs[0]
    rows = {(row["epoch"], row["split"], row["term"]): row["value"] for row in run.history}
    for epoch in (1, 2, 3):
        assert rows[epoch, "validation", "total"] == rows[1, "validation", "total"]
        for split in ("train", "validation"):
            parts = rows[epoch, split, "distortion"] + rows[epoch, split, "rate"]
            assert rows[epoch, split, "total"] == pytest.approx(parts, rel=1e-5)


def test_patience_stops_each_run_by_itself_and_keeps_its_best() -> None:
    runs = trained([0, 1], epochs=60, images=40, learning_rate=0.02, patience=3)
    for run in runs.runs:
        scores = [row["value"] for row in run.history if (row["split"], row["term"]) == ("validation", "total")]
        assert run.best == min(scores) and run.best_epoch == scores.index(min(scores)) + 1
        if run.status == "stopped":
            assert run.epoch >= len(scores) == run.best_epoch + 3
    assert "stopped" in {run.status for run in runs.runs}


def test_the_cosine_schedule_ends_near_zero_and_the_start_is_full() -> None:
    runs = pack([0], schedule="cosine", epochs=1)
    before = {name: value.clone() for name, value in runs.state.items()}
    list(runs.train())
    moved = max(float((runs.state[name] - before[name]).abs().max()) for name in runs.stack.trained)
    full = runs.schedule.steps * 1e-3
    assert 0.2 * full < moved < 0.75 * full


class transposed(nn.Module):
    """A decoder whose weight's gradient comes with other strides than the weight."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(64, design.latent))
        self.likelihood = design.likelihood()

    def forward(self, z: torch.Tensor):
        return self.likelihood((self.weight @ z.mT).mT.unflatten(-1, (1, 8, 8)))


@flavour(decoder=transposed)
def strided(vae, x):
    return {"distortion": -vae(x).log_px}


def test_gradients_reach_the_optimiser_in_the_layout_of_their_parameter() -> None:
    runs = pack([0], strided, images=32, epochs=1, dynamic=False)
    before = runs.stack.leaves["decoder.weight"].detach().clone()
    with random.stream(random.fold(random.fold(runs.keys["noise"], 0), 0)[0]):
        chosen = random.permutation(random.fold(runs.keys["order"][0], 0), 32)
        total = -runs.stack.model(scaled(IMAGES[chosen])).log_px.mean()
    (gradient,) = torch.autograd.grad(total, [runs.stack.leaves["decoder.weight"]])
    list(runs.train())
    expected = before - 1e-3 * gradient / (gradient.abs() + 1e-8)
    torch.testing.assert_close(runs.state["decoder.weight"][0], expected, rtol=1e-5, atol=1e-6)


def critic(design: Design) -> nn.Module:
    return nn.Linear(design.latent, 1)


@flavour(critic=critic)
def game(vae, x, *, weight: NonNegative = 0.5):
    draw = vae(x)
    return {"distortion": -draw.log_px, "fooling": weight * vae.critic(draw.z).squeeze(-1)}


@game.player("critic")
def judge(vae, x, *, weight):
    draw = vae(x)
    return {"judging": -vae.critic(draw.z).squeeze(-1) + weight}


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_each_player_moves_its_own_parts_by_its_own_loss(seeds: list[int]) -> None:
    """One step of each player against gradients taken by hand: no gradient leaks from one loss to another's parts."""
    runs = pack(seeds, game, images=32, epochs=1, dynamic=False)
    list(runs.train())
    for slot, seed in enumerate(seeds):
        model = game.initial(DESIGN, game.defaults, seed)
        noise = random.fold(torch.tensor(random.key(seed, "noise")), 0)
        chosen = random.permutation(random.fold(torch.tensor(random.key(seed, "order")), 0), 32)
        x = scaled(IMAGES[chosen])
        for index, (player, part) in enumerate([("model", None), ("critic", "critic")]):
            with random.stream(random.fold(noise, index)):
                total = sum(term.mean() for term in game.terms(player, model, x, game.defaults)[0].values())
            names = [name for name, _ in model.named_parameters() if name.startswith("critic") == (part == "critic")]
            moved = [model.get_parameter(name) for name in names]
            for name, parameter, gradient in zip(names, moved, torch.autograd.grad(total, moved), strict=True):
                step = 1e-3 * gradient / (gradient.abs() + 1e-8)  # Adam's first step
                expected = parameter.detach() - step
                sizable = gradient.abs() > 1e-5
                torch.testing.assert_close(runs.state[name][slot][sizable], expected[sizable], rtol=1e-4, atol=2e-6)
            with torch.no_grad():
                for name, parameter in zip(names, moved, strict=True):
                    parameter.copy_(runs.state[name][slot])
    assert runs.stack.owned == {
        "model": [name for name in runs.stack.trained if not name.startswith("critic.")],
        "critic": ["critic.weight", "critic.bias"],
    }


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_what_does_not_train_is_finished_before_it_is_validated(seeds: list[int]) -> None:
    runs = trained(seeds, catalogue.load("flavours", "mean"), dynamic=False)
    mean = scaled(IMAGES[:200]).double().mean(0).clamp(1 / (1 + math.exp(15)), 1 / (1 + math.exp(-15)))
    x = scaled(IMAGES[-150:]).double()
    expected = -(x * mean.log() + (1 - x) * (1 - mean).log()).sum((1, 2, 3)).mean()
    for run in runs.runs:
        assert (run.status, run.epoch, run.best_epoch) == ("finished", 1, 1)
        assert run.best == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_masking_blanks_the_input_of_training_and_keeps_its_target(seeds: list[int]) -> None:
    @flavour()
    def shares(vae, x):
        observed, target = x if isinstance(x, tuple) else (x, x)
        lit = (target > 0).float()
        return {
            "kept": (observed == target).float().mean() + 0 * vae(x).log_px.mean(),
            "blank": (lit * (observed == 0)).sum() / lit.sum(),
            "target": target.mean(),
        }

    runs = trained(seeds, shares, dynamic=False, masking=0.25, epochs=1, images=1600)
    lit = (IMAGES[:1600] > 0).float().mean().item()
    for slot in range(len(seeds)):
        values = {(row["split"], row["term"]): row["value"] for row in runs.runs[slot].history}
        assert values["train", "blank"] == pytest.approx(0.25, abs=0.01)
        assert values["train", "kept"] == pytest.approx(1 - 0.25 * lit, abs=0.01)
        assert values["train", "target"] == pytest.approx(scaled(IMAGES[:1600]).mean().item(), rel=1e-5)
        assert (values["validation", "blank"], values["validation", "kept"]) == (0, 1)


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_a_warm_up_weighs_the_rate_of_training_by_the_epochs_that_are_over(seeds: list[int]) -> None:
    @flavour()
    def constant(vae, x):
        return {"distortion": 0 * vae(x).log_px.mean(), "rate": torch.full((), 8.0)}

    runs = trained(seeds, constant, dynamic=False, warmup=2, images=128)  # four steps of 32 images an epoch
    expected = {("train", 1): 8 * 1.5 / 8, ("train", 2): 8 * 5.5 / 8, ("train", 3): 8}  # means over steps of step / 8
    for slot in range(len(seeds)):
        rows = [row for row in runs.runs[slot].history if row["term"] == "rate"]
        found = {(row["split"], row["epoch"]): row["value"] for row in rows}
        assert found == pytest.approx(expected | {("validation", epoch): 8 for epoch in (1, 2, 3)})


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_subnormal_numbers_are_zero_while_runs_train_and_nowhere_else(seeds: list[int]) -> None:
    @flavour()
    def tiny(vae, x):
        return {"distortion": -vae(x).log_px, "tiny": torch.full((), 1e-30) * 1e-10 * 1e38}

    runs = pack(seeds, tiny, epochs=1)
    for _ in runs.train():
        assert 5e-324 * 1.0 > 0  # between epochs, and after them
    assert 5e-324 * 1.0 > 0
    for run in runs.runs:
        assert {row["value"] for row in run.history if row["term"] == "tiny"} == {0.0}


def test_a_warm_up_needs_a_rate() -> None:
    with pytest.raises(VaebenchError, match=r"^training: warmup: the loss of 'iwae' has no rate .* leave it out$"):
        pack([0], catalogue.load("flavours", "iwae"), warmup=1)


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_buffers_move_after_each_step_of_training_alone_and_before_it(seeds: list[int]) -> None:
    class counter(nn.Module):
        def __init__(self, design: Design) -> None:
            super().__init__()
            for name in ("steps", "start"):
                self.register_buffer(name, torch.zeros(2))

    @flavour(counter=counter)
    def counting(vae, x):
        return {"distortion": -vae(x).log_px}, {"counter.steps": vae.counter.steps + torch.tensor([1.0, 0.0])}

    @counting.begin
    def begin(vae, images) -> None:
        vae.counter.start.copy_(torch.stack((images.mean(), random.uniform((), images))))

    runs = trained(seeds, counting, epochs=2)
    for slot, seed in enumerate(seeds):
        found = weights(runs, slot)
        assert found["counter.steps"].tolist() == [2 * runs.schedule.steps, 0]
        assert found["counter.start"][0].item() == pytest.approx(scaled(IMAGES[:200]).mean().item())
        assert torch.equal(
            found["counter.start"], weights(trained([seed] * len(seeds), counting, epochs=1), 0)["counter.start"]
        )
    assert len({weights(runs, slot)["counter.start"][1].item() for slot in range(len(seeds))}) == len(seeds)


def test_buffers_of_a_diverged_run_stay_at_their_last_finite_step() -> None:
    class counter(nn.Module):
        def __init__(self, design: Design) -> None:
            super().__init__()
            self.register_buffer("steps", torch.zeros(()))

    @flavour(counter=counter)
    def dying(vae, x):
        steps = vae.counter.steps
        return {"distortion": -vae(x).log_px / (steps < 3)}, {"counter.steps": steps + 1}

    assert trained([0, 1], dying).state["counter.steps"].tolist() == [3, 3]


def network(*layers: nn.Module, **choices: object) -> Flavour:
    """A flavour whose encoder has further layers."""

    class encoder(nn.Module):
        def __init__(self, design: Design) -> None:
            super().__init__()
            inner = copy.deepcopy(layers)
            self.network = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), *inner, nn.Linear(8, 2 * design.latent))

        def forward(self, x: torch.Tensor) -> Gaussian:
            return Gaussian(*self.network(x).chunk(2, -1))

    return flavour(encoder=encoder)(lambda vae, x: {"distortion": -vae(x).log_px, "rate": vae(x).kl})


@pytest.mark.parametrize(
    "layer, seeds, said",
    [
        (nn.Dropout(0.5), [0], "draws torch's own random numbers, as nn.Dropout does.*networks.Dropout"),
        (nn.BatchNorm1d(8), [0], r"changes encoder.network.2.running_mean, as nn.BatchNorm2d does: take nn.GroupNorm"),
        (nn.BatchNorm1d(8, track_running_stats=False), [0], "depends on the images beside it.*take nn.GroupNorm"),
        (nn.Dropout(0.5), [0, 1], r"cannot train seeds side by side in one program \(.*\): set pack to 1"),
        (nn.BatchNorm1d(8), [0, 1], r"changes encoder.network.2.running_mean"),
    ],
)
def test_what_cannot_be_repeated_or_stacked_is_refused(layer: nn.Module, seeds: list[int], said: str) -> None:
    with pytest.raises(VaebenchError, match=said) as error:
        pack(seeds, network(layer))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
@pytest.mark.parametrize(
    "loss, unused",
    [
        (lambda vae, x: {"rate": vae(x).kl}, "decoder.network.0.weight"),
        (lambda vae, x: {"nothing": x.mean()}, "encoder.network.1.weight"),
    ],
)
def test_a_loss_that_leaves_parameters_out_is_told(loss, unused: str, seeds: list[int]) -> None:
    with pytest.raises(VaebenchError, match=f"no gradient of the loss of 'model' reaches {unused}"):
        pack(seeds, flavour()(loss))


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_dropout_is_the_runs_own_noise_and_ends_with_training(seeds: list[int]) -> None:
    noisy = network(Dropout(0.5))
    first, second = trained(seeds, noisy, epochs=2), trained(seeds, noisy, epochs=2)
    for slot in range(len(seeds)):
        assert_same(first, slot, second, slot)
        still = trained([seeds[slot]] * len(seeds), network(Dropout(0.0)), epochs=2)
        assert first.runs[slot].best != still.runs[slot].best
    model, x = first.finished(0, "last"), scaled(IMAGES[-150:])
    assert not model.training
    assert torch.equal(model.encode(x), model.encode(x))
    with torch.no_grad(), random.stream(random.fold(first.keys["evaluation"], 0)[0]):
        terms, _ = noisy.terms("model", model, x, {})
    rows = {(row["epoch"], row["term"]): row["value"] for row in first.runs[0].history if row["split"] == "validation"}
    for name, values in terms.items():
        assert rows[2, name] == pytest.approx(float(values.mean()), rel=1e-4), name
    layer, ones = Dropout(0.25), torch.ones(100_000)
    with random.stream(torch.tensor(3)):
        dropped = layer(ones)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert layer.eval()(ones) is ones


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_the_last_epoch_or_the_best_by_another_criterion_is_kept(seeds: list[int]) -> None:
    def rising(vae, x, *, progress):
        """A loss that grows while it trains, as one that a critic has a part in may."""
        return {"distortion": -vae(x).log_px, "critic": 1000 * (progress == 1) * vae.clock.steps}

    class clock(nn.Module):
        def __init__(self, design: Design) -> None:
            super().__init__()
            self.register_buffer("steps", torch.zeros(()))

    def ticking(vae, x, *, progress):
        return rising(vae, x, progress=progress), {"clock.steps": vae.clock.steps + 1}

    first = flavour(clock=clock)(ticking)
    last = flavour(clock=clock, keeps="last")(ticking)
    compared = flavour(clock=clock)(ticking)
    compared.criterion(negative_elbo)
    assert [game.selection for game in (first, last, compared)] == [
        "least loss on validation images",
        "last epoch",
        "least negative ELBO on validation images",
    ]
    for slot in range(len(seeds)):
        assert [trained(seeds, game).runs[slot].best_epoch for game in (first, last, compared)] == [1, 3, 3]
    assert trained(seeds, last, patience=1).runs[0].epoch == 3
    kept = trained(seeds, last)
    for name, value in kept.state.items():
        assert torch.equal(value, kept.best[name]), name
    rows = {
        row["term"]: row["value"] for row in trained(seeds, compared).runs[0].history if row["split"] == "validation"
    }
    assert rows["total"] == pytest.approx(rows["distortion"] + rows["rate"])


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
@pytest.mark.parametrize("dynamic", [True, False])
def test_a_loss_that_names_grey_sees_what_was_binarised(seeds: list[int], dynamic: bool) -> None:
    @flavour()
    def seeing(vae, x, *, grey):
        draw = vae(x)
        shares = {"bits": draw.x * (1 - draw.x), "grey": grey, "shared": grey * draw.x}
        return {"trained": 0 * (draw.log_px + draw.kl)} | {name: value.mean() for name, value in shares.items()}

    bits, grey = (IMAGES > 100).to(torch.uint8) * 255, IMAGES
    feed = Feed(grey if dynamic else bits, bits, dynamic, grey=(grey, grey))
    runs = Pack(seeing, DESIGN, {}, Training(epochs=1, batch_size=32), seeds, feed)
    list(runs.train())
    pixels = scaled(IMAGES)
    shared = (pixels * scaled(bits)).mean().item()
    for run in runs.runs:
        rows = {(row["split"], row["term"]): row["value"] for row in run.history}
        for split in ("train", "validation"):
            assert rows[split, "grey"] == pytest.approx(pixels.mean().item(), rel=1e-5)
            assert rows[split, "bits"] == 0
        assert rows["validation", "shared"] == pytest.approx(shared, rel=1e-5)
        expected, close = (pixels.square().mean().item(), 1e-2) if dynamic else (shared, 1e-5)
        assert rows["train", "shared"] == pytest.approx(expected, rel=close)


@pytest.mark.parametrize("name", ["hvae", "rhvae", "mcvae"])
def test_dynamics_see_no_more_of_a_masked_image_than_its_input(name: str) -> None:
    """Two targets with one masked input have the same draws; the bound is that of the target."""
    kind = catalogue.load("flavours", name)
    model = kind.initial(DESIGN, {}, 0)
    x = scaled(IMAGES[:6])
    masked = x * (torch.arange(64).reshape(8, 8) % 2)
    draws = []
    for target in (x, x.flip(-1)):
        with random.stream(torch.tensor(1)):
            draws.append(model((masked, target)))
        with random.stream(torch.tensor(1)):
            terms, _ = kind.terms("model", model, (masked, target), kind.defaults)
        torch.testing.assert_close(terms["bound"], -draws[-1].log_w)
    assert torch.equal(draws[0].z, draws[1].z)
    assert not torch.allclose(draws[0].log_w, draws[1].log_w)


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_a_likelihood_begins_with_the_training_images(seeds: list[int]) -> None:
    class scaled_normal(nn.Module):
        features = 1

        def __init__(self) -> None:
            super().__init__()
            self.log_scale = nn.Parameter(torch.zeros(()))

        def begin(self, images: torch.Tensor) -> None:
            self.log_scale.copy_(images.std().log())

        def forward(self, features: torch.Tensor) -> Distribution:
            return Independent(Normal(features, self.log_scale.exp().expand_as(features)), 3)

    runs = pack(seeds, design=replace(DESIGN, likelihood=scaled_normal), dynamic=False)
    started = runs.state["decoder.likelihood.log_scale"].exp()
    assert started.tolist() == pytest.approx([scaled(IMAGES[:200]).std().item()] * len(seeds))


def test_the_name_of_a_player_is_no_matter_to_the_noise() -> None:
    """Not even one that is called what binarisation goes by inside."""
    histories = []
    for part in ("critic", "pixels"):

        def noisy(vae, x):
            draw = vae(x)
            return {"distortion": -draw.log_px, "rate": draw.kl}

        kind = flavour(**{part: lambda design: nn.Linear(design.latent, 1)})(noisy)
        kind.players[part] = lambda vae, x, part=part: {"shift": getattr(vae, part)(vae(x).z).square().mean()}
        histories.append([trained([0, 1], kind).runs[slot].history for slot in (0, 1)])
    assert histories[0] == histories[1]
