"""What the engine does on a GPU: whether recorded steps keep its promises, what a step takes, and what bounds it.

python benchmarks/gpu.py --json gpu.json [--budget 200] [--flavours vae vq_vae], on a machine with one CUDA device, in
``--budget`` seconds. Each section has a share of them, stops between its items when they are gone, and says what it
left out; what it does not use goes to the next. All work on the device is done by processes that are replaced when
they fail, so that the rest goes on, and the JSON file is written anew after every measurement. ``--device cpu`` tries
the script out.

Unless said otherwise images are 28x28 random bytes, binarised anew in every batch of 128, latents are 16, networks have
their default layers, and products are float32 without TF32. A *recorded* step is the replay of a CUDA graph, an *eager*
one runs the same function as it stands.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import math
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from math import prod
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor
from train_speed import BATCH, IMAGE, LATENT, LEARNING_RATE, Task, count, design, load, measure

from vaebench import files, random
from vaebench.data import binarisation
from vaebench.errors import VaebenchError, among, one_line
from vaebench.study import catalogue
from vaebench.study.config import Precision, Training
from vaebench.training import engine, hardware
from vaebench.training.optimiser import Adam
from vaebench.training.precision import products
from vaebench.training.program import WARM_UP

SHARES = {"ceilings": 0.12, "correctness": 0.32, "steps": 0.48, "profile": 0.08, "shares": 0.0, "grid": 0.0}
ITEM_SECONDS, GRACE = 60, 10  # after which a measurement is given up, at all or past the time of its section
WORKERS = max(1, min(8, (os.cpu_count() or 1) // 2))  # that check correctness side by side

TRAIN, VALIDATION, EPOCHS = 3 * BATCH + 50, 100, 4  # of the checks: batches of both sizes are recorded and replayed
TOLERANCE = 1e-3
WITH_CONV = ("vae", "vae_gan", "vq_vae")

WIDTHS, WIDTH, SEEDS = (1, 5, 10, 20), 10, 5
STEPS = 200  # of a timed epoch
EAGER_SECONDS, EAGER_LEAST = 0.5, 3  # of timed eager steps
PROFILED, SHOWN = 5, 12

GRID = {"networks": 2, "latents": 4, "datasets": 2, "epochs": 50, "steps_per_epoch": math.ceil(50_000 / BATCH)}

KINDS = {  # of kernels, the first whose pattern a kernel's name has
    "matrix products": r"gemm|gemv|nvjet|xmma|cutlass|splitK|cublas",
    "Adam": r"multi_tensor|[Ff]used_?[Aa]dam",
    "noise": r"^(?!.*(gpu_index|index_elementwise|gather|scatter|reduce|[Ss]ort))"
    r".*(\blong\b|Bitwise|[lr]shift|arange|\b(cos|sin)_kernel)",
    "other": "",
}

Found = dict[str, Any]


# What the processes do on the device.


def packed(
    flavour: str,
    network: str,
    seeds: list[int],
    images: tuple[Tensor, Tensor],
    where: torch.device,
    epochs: int = GRID["epochs"],
    convention: str = "dynamic",
    record: bool = True,
) -> engine.Pack:
    """A pack of a flavour with its default hyperparameters; ``images`` are grey ones to train and to validate on."""
    train, validation = (some.to(where) for some in images)
    feed = engine.Feed(
        train, binarisation.fixed(validation, convention, "validation"), convention == "dynamic", (train, validation)
    )
    training = Training(epochs=epochs, batch_size=BATCH, learning_rate=LEARNING_RATE)
    shape = design(task(network))
    return engine.Pack(catalogue.load("flavours", flavour), shape, {}, training, seeds, feed, record)


def task(network: str, images: int = STEPS * BATCH, device: str = "cpu") -> Task:
    """Of `train_speed`: ``images`` of random bytes, an epoch of them to be timed."""
    return Task(network, None, images, epochs=1, threads=1, device=device, pack=1)


def machine(device: str) -> Found:
    """What the numbers were measured on."""
    driver = None
    if device == "cuda" and shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        driver = subprocess.run(query, capture_output=True, text=True, timeout=10).stdout.strip()
    return {**hardware.describe(torch.device(device)), "cuda": torch.version.cuda, "driver": driver}


def timed_by_events(function: Callable[[], Any], rounds: int = 20) -> float:
    """Milliseconds of a call, the median of ``rounds`` after three to warm up."""
    milliseconds = []
    for _ in range(3 + rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function()
        end.record()
        end.synchronize()
        milliseconds.append(start.elapsed_time(end))
    return median(milliseconds[3:])


def measured_ceilings(size: int = 2 * 10**9, side: int = 4096) -> Found:
    """Rates of a copy of ``size`` bytes and of products of square matrices, of random numbers."""
    source = torch.randn(size // 4, device="cuda")
    copied = torch.empty_like(source)
    copy = timed_by_events(lambda: copied.copy_(source))
    a, b = (torch.randn(side, side, device="cuda") for _ in range(2))
    target = torch.empty_like(a)
    settings = torch.backends.cuda.matmul
    before, rates = settings.fp32_precision, {}
    for name, precision in (("float32", before), ("tf32", "tf32")):
        settings.fp32_precision = precision
        rates[f"{name}_tflop_per_s"] = 2 * side**3 / timed_by_events(lambda: torch.mm(a, b, out=target)) / 1e9
    settings.fp32_precision = before
    return {"copy_gb_per_s": 2 * size / copy / 1e6, "copied_bytes": size, "matrix_side": side, **rates}


def unequal(one: engine.Pack, slot: int, other: engine.Pack, beside: int) -> list[str]:
    """Tensors of two runs' checkpoints (weights, buffers and moments) whose bytes differ."""
    ours, theirs = one.checkpoint(slot)[0], other.checkpoint(beside)[0]
    return sorted(name for name in ours if ours[name].numpy().tobytes() != theirs[name].numpy().tobytes())


def objective(pack: engine.Pack, slot: int) -> float:
    """A run's validation loss after its first epoch, nats; not a number if it has none."""
    totals = (row["value"] for row in pack.runs[slot].history if (row["split"], row["term"]) == ("validation", "total"))
    return next(totals, math.nan)


def relative(one: float, other: float) -> float | None:
    """Relative difference of two numbers; None where one is missing."""
    difference = abs(one - other) / max(abs(other), 1e-12)
    return difference if math.isfinite(difference) else None


def checked(flavour: str, network: str, device: str) -> Found:
    """A flavour's runs in a pack of 3, recorded, against eager ones, other neighbours, and alone on GPU and CPU."""
    start = perf_counter()
    train, validation = load(task(network, TRAIN + VALIDATION)).split([TRAIN, VALIDATION])

    def trained(seeds: list[int], device: str, epochs: int = EPOCHS, record: bool = True) -> engine.Pack:
        where = torch.device(device)
        pack = packed(flavour, network, seeds, (train, validation), where, EPOCHS, record=record)
        for epoch in pack.train():
            if epoch == epochs < EPOCHS:
                break
        return pack

    recorded = trained([0, 1, 2], device)
    eager = trained([0, 1, 2], device, record=False)
    against_eager = sorted({name for slot in range(3) for name in unequal(recorded, slot, eager, slot)})
    against_neighbours = unequal(recorded, 1, trained([5, 1, 7], device), 1)
    here = objective(recorded, 1)
    differences = {
        "relative_difference_of_width_1": relative(here, objective(trained([1], device, epochs=1), 0)),
        "relative_difference_of_cpu": relative(here, objective(trained([1], "cpu", epochs=1), 0)),
    }
    return {
        "recorded_batches": sorted(recorded.programs[0].graphs),
        "status": [run.status for run in recorded.runs],
        "bytes_are_eager": not against_eager,
        "tensors_unlike_eager": against_eager,
        "bytes_are_free_of_neighbours": not against_neighbours,
        "tensors_unlike_other_neighbours": against_neighbours,
        "objective_nats": here if math.isfinite(here) else None,
        **differences,
        "above_tolerance": any(value is not None and value > TOLERANCE for value in differences.values()),
        "seconds": perf_counter() - start,
    }


def begin(pack: engine.Pack) -> None:
    """Stand before an epoch, as `Pack.train` does."""
    pack.stack.model.train()
    pack.schedule.begin(0)
    pack.step.begin([True] * pack.stack.width)


def seconds(where: torch.device, function: Callable[[], Any]) -> float:
    """Of a call, until the device is done."""
    if where.type == "cuda":
        torch.cuda.synchronize()
    start = perf_counter()
    function()
    if where.type == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - start


def repeated(run: Callable[[int], None], steps: int) -> Callable[[], None]:
    """So many full batches."""

    def steps_of_it() -> None:
        for _ in range(steps):
            run(BATCH)

    return steps_of_it


def epoch_ms(pack: engine.Pack, where: torch.device) -> float:
    """Milliseconds of a step, over an epoch with the making of its order."""

    def epoch() -> None:
        begin(pack)
        repeated(pack.programs[0], STEPS)()

    return 1000 * seconds(where, epoch) / STEPS


def eager_ms(pack: engine.Pack, where: torch.device) -> tuple[float, int]:
    """Milliseconds of a step that is not recorded, and over how many of them."""
    begin(pack)
    pack.step(BATCH)
    one = seconds(where, repeated(pack.step, 1))
    steps = min(STEPS, max(EAGER_LEAST, int(EAGER_SECONDS / one)))
    return 1000 * seconds(where, repeated(pack.step, steps)) / steps, steps


def step_cost(flavour: str, network: str, width: int, convention: str, rounds: int, device: str) -> Found:
    """Milliseconds of a step of ``width`` runs, recorded (the median of epochs) and eager."""
    images = load(task(network))
    seeds = list(range(width))
    pack = packed(flavour, network, seeds, (images, images[:1]), torch.device(device), convention=convention)
    return {
        "parameters_per_run": sum(parameter.numel() for parameter in pack.stack.model.parameters()),
        **timed(pack, rounds, device),
    }


def timed(pack: engine.Pack, rounds: int, device: str) -> Found:
    """Milliseconds of a pack's step."""
    where, width, found = torch.device(device), pack.stack.width, Found()
    if device == "cuda":
        begin(pack)
        repeated(pack.programs[0], WARM_UP + 2)()
        found["recorded_step_ms"] = median(epoch_ms(pack, where) for _ in range(rounds))
        found["recorded_ms_per_step_and_run"] = found["recorded_step_ms"] / width
    found["eager_step_ms"], found["eager_steps"] = eager_ms(pack, where)
    found["eager_ms_per_step_and_run"] = found["eager_step_ms"] / width
    return found


def variant_cost(network: str, precision: Precision, together: bool, device: str) -> Found:
    """Milliseconds of a step of ten VAEs in a precision, with one call of Adam for all, ``together``, or for each."""
    where, images = torch.device(device), load(task(network))
    with products(precision, where):
        pack = packed("vae", network, list(range(WIDTH)), (images, images[:1]), where)
        for player, names in pack.stack.owned.items():
            pack.optimisers[player] = Adam(pack.state, names, together)
        return timed(pack, 3, device)


def peer_cost(contender: str, network: str, device: str) -> Found:
    """Milliseconds of a step of one model by a contender of `train_speed`: grey images, its own shuffling and noise."""
    images = BATCH * (STEPS if device == "cuda" else EAGER_LEAST)
    return {"step_ms": 1000 * BATCH / measure(contender, task(network, images, device))["samples_per_second"]}


def compiled_mix() -> Callable[[Tensor], Tensor]:
    """The mixing of the noise's words as one compiled kernel, which `torch.func.vmap` calls on all runs at once."""
    compiled = torch.compile(random._mix, dynamic=True)

    class Mix(torch.autograd.Function):
        @staticmethod
        def forward(word: Tensor) -> Tensor:
            return compiled(word.reshape(-1)).reshape(word.shape)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
            ctx.mark_non_differentiable(output)

        @staticmethod
        def vmap(info: Any, in_dims: tuple[int], word: Tensor) -> tuple[Tensor, int]:
            return Mix.apply(word), in_dims[0]

    return Mix.apply


def compiled_cost(device: str) -> Found:
    """The step of ten VAEs as it stands and with its noise's integers mixed by a compiled kernel."""
    where, images = torch.device(device), load(task("mlp"))
    steps = STEPS if device == "cuda" else EAGER_LEAST

    def trained() -> tuple[engine.Pack, float, float]:
        start = perf_counter()
        pack = packed("vae", "mlp", list(range(WIDTH)), (images, images[:1]), where)
        begin(pack)
        seconds(where, repeated(pack.programs[0], WARM_UP + 2))
        first = perf_counter() - start
        return pack, first, 1000 * seconds(where, repeated(pack.programs[0], steps)) / steps

    words = torch.randint(-(2**63), 2**63 - 1, (WIDTH, prod(IMAGE)), device=where)
    expected = random._mix(words)
    plain, first, plain_ms = trained()
    random._mix = compiled_mix()  # type: ignore[assignment]
    fast, first_compiled, compiled_ms = trained()
    return {
        "step_ms": plain_ms,
        "compiled_step_ms": compiled_ms,
        "compile_seconds": first_compiled - first,
        "kernels_compiled": torch._dynamo.utils.counters["stats"]["unique_graphs"],
        "words_are_equal": torch.equal(random._mix(words), expected),
        "tensors_that_differ": sorted({name for slot in range(WIDTH) for name in unequal(plain, slot, fast, slot)}),
    }


def profiled() -> Found:
    """Kernels of a replayed step of ten VAEs."""
    where, images = torch.device("cuda"), load(task("mlp"))
    pack = packed("vae", "mlp", list(range(WIDTH)), (images, images[:1]), where)
    begin(pack)
    replay = pack.programs[0]
    repeated(replay, WARM_UP + 2)()
    for steps in (1, PROFILED):  # the profiler's own start is slow
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as found:
            seconds(where, repeated(replay, steps))
    spent: dict[str, list[float]] = defaultdict(list)
    for event in found.events():
        if event.device_type == torch.autograd.DeviceType.CUDA:
            spent[event.name].append(event.time_range.elapsed_us())
    kinds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for name, times in spent.items():
        kinds[kind_of(name)] += times

    def per_step(times: list[float]) -> Found:
        return {"microseconds_per_step": sum(times) / PROFILED, "kernels_per_step": len(times) / PROFILED}

    top = sorted(spent, key=lambda name: -sum(spent[name]))[:SHOWN]
    return {
        **per_step([time for times in spent.values() for time in times]),
        "steps": PROFILED,
        "kinds": {kind: per_step(times) for kind, times in kinds.items()},
        "top": [{"name": name, "kind": kind_of(name), **per_step(spent[name])} for name in top],
    }


def kind_of(kernel: str) -> str:
    """One of `KINDS`."""
    return next(kind for kind, pattern in KINDS.items() if re.search(pattern, kernel))


# How their work is asked for.


def guarded(function: Callable[..., Found], *arguments: Any) -> Found:
    """What a function finds or, where it fails, the ``reason``; runs in a worker."""
    gc.collect()  # of the pack before, while nothing is recorded
    try:
        return function(*arguments)
    except Exception as error:  # the next measurement must go on
        return {"reason": told(error)}


def told(error: Exception) -> str:
    """An error as a reason."""
    return f"{type(error).__name__}: {one_line(error)[:500]}"


class Workers:
    """Processes of their own, with the library's settings or, not ``prepared``, with torch's."""

    def __init__(self, count: int = 1, prepared: bool = True) -> None:
        self.count, self.prepared = count, prepared
        self.pool = self._start()

    def _start(self) -> Any:
        return multiprocessing.get_context("spawn").Pool(self.count, hardware.prepare if self.prepared else None)

    def begin(self, function: Callable[..., Found], *arguments: Any) -> Any:
        """A result to wait for."""
        return self.pool.apply_async(guarded, (function, *arguments))

    def outcome(self, limit: float, function: Callable[..., Found], *arguments: Any) -> Found:
        """What a function finds, or the ``reason`` why it does not, which may be that ``limit`` seconds are gone."""
        try:
            found = self.begin(function, *arguments).get(limit)
        except multiprocessing.TimeoutError:
            found = {"reason": f"not done after {limit:.0f} s"}
        if "reason" in found:  # which may have left the device unusable to its process
            self.end()
            self.pool = self._start()
        return found

    def end(self) -> None:
        """Stop them, whatever they are at."""
        self.pool.terminate()


@dataclass
class Session:
    """One run of the script; ``results`` by section go to the ``file``, with the ``facts``, whenever one is added."""

    device: str
    flavours: list[str]
    budget: float
    start: float
    file: str | None
    facts: Found
    card: Workers = field(default_factory=Workers)
    checkers: Workers = field(default_factory=lambda: Workers(WORKERS))
    peers: Workers = field(default_factory=lambda: Workers(prepared=False))
    compiler: Workers = field(default_factory=Workers)
    results: dict[str, Found] = field(default_factory=dict)
    until: float = 0.0  # when the time of the section is gone

    def run(self) -> None:
        """Every section in turn, each with a table."""
        share = 0.0
        for name, section in SECTIONS.items():
            share += SHARES[name]
            begun, found = perf_counter(), self.results.setdefault(name, {"left_out": []})
            self.until = self.start + share * self.budget
            try:
                section(self, found)
                table = f"none: {found['reason']}" if "reason" in found else TABLES[name](found)
            except Exception as error:  # the next section must go on
                found["reason"] = str(error) if isinstance(error, VaebenchError) else told(error)
                table = f"none: {found['reason']}"
            found["seconds"] = perf_counter() - begun
            self.save()
            left = f"\n\nleft out: {', '.join(found['left_out'])}" if found["left_out"] else ""
            print(f"\n## {name}, {found['seconds']:.0f} s\n\n{table}{left}", flush=True)

    @property
    def limit(self) -> float:
        """Seconds that a measurement may take from now on; raises `VaebenchError` if the section has none left."""
        now = perf_counter()
        if now > self.until:
            raise VaebenchError("no time was left")
        return min(ITEM_SECONDS, self.until + GRACE - now, self.start + self.budget - now)

    def save(self) -> None:
        """Write the file."""
        self.facts["seconds"] = perf_counter() - self.start
        if self.file:
            files.write(self.file, json.dumps({**self.facts, **self.results}, indent=2) + "\n")

    def needs_cuda(self) -> None:
        """Raises `VaebenchError` on a CPU."""
        if self.device != "cuda":
            raise VaebenchError(f"it needs a CUDA device, and this is {self.device}")

    def end(self) -> None:
        """Stop all processes."""
        for workers in (self.card, self.checkers, self.peers, self.compiler):
            workers.end()


# The sections.


def ceilings(session: Session, found: Found) -> None:
    """Measured rates of the device."""
    session.needs_cuda()
    found |= session.card.outcome(ITEM_SECONDS, measured_ceilings)


def correctness(session: Session, found: Found) -> None:
    """Every flavour's promises."""
    cases = [(name, "mlp") for name in session.flavours]
    cases += [(name, "conv") for name in session.flavours if name in WITH_CONV]
    begun = {case: session.checkers.begin(checked, *case, session.device) for case in cases}
    found |= {"tolerance": TOLERANCE, "flavours": {}}
    for case, result in begun.items():
        label = " ".join(case)
        try:
            found["flavours"][label] = result.get(max(0.0, session.until - perf_counter()))
            session.save()
        except multiprocessing.TimeoutError:
            found["left_out"].append(label)
    session.checkers.end()


def steps(session: Session, found: Found) -> None:
    """Times of a step: the VAE by width, the peers, all flavours, and ten VAEs in other ways."""
    found |= {"epoch_steps": STEPS, "vae": {}, "peers": {}, "flavours": {}, "variants": {}, "compiled": {}}

    def measured(part: str, label: str, workers: Workers, function: Callable[..., Found], *given: Any) -> None:
        try:
            found[part][label] = workers.outcome(session.limit, function, *given, session.device)
            session.save()
        except VaebenchError:
            found["left_out"].append(f"{part} {label}")

    cases = [(network, width, "dynamic") for network in ("mlp", "conv") for width in WIDTHS]
    cases += [(network, width, "none") for network in ("mlp", "conv") for width in (1, WIDTH)]
    for case in cases:
        measured("vae", label_of(*case), session.card, step_cost, "vae", *case, 3)
    for contender, network in product(("plain loop", "Pythae"), ("mlp", "conv")):
        label = f"{contender} {network}"
        if contender == "Pythae" and importlib.util.find_spec("pythae") is None:
            found["peers"][label] = {"reason": "not installed"}
        else:
            measured("peers", label, session.peers, peer_cost, contender, network)
    for name in session.flavours:
        measured("flavours", name, session.card, step_cost, name, "mlp", WIDTH, "dynamic", 1)
    for network, precision in product(("mlp", "conv"), ("tf32", "bfloat16")):
        measured("variants", f"{network} {precision}", session.card, variant_cost, network, precision, True)
    measured("variants", "mlp Adam of each run", session.card, variant_cost, "mlp", "float32", False)
    measured("compiled", "vae", session.compiler, compiled_cost)


def label_of(network: str, width: int, convention: str) -> str:
    """Of a row of the VAE."""
    return f"{network} {width} {convention}"


def step_of(session: Session, network: str, width: int) -> Found:
    """What was measured of the VAE; raises `VaebenchError` if nothing was."""
    label = label_of(network, width, "dynamic")
    row = session.results["steps"].get("vae", {}).get(label, {"reason": "not measured"})
    if "reason" in row:
        raise VaebenchError(f"it needs the step of vae, {label}: {row['reason']}")
    return row


def profile(session: Session, found: Found) -> None:
    """Where a replayed step's time goes."""
    session.needs_cuda()
    found |= session.card.outcome(session.limit, profiled)


def shares(session: Session, found: Found) -> None:
    """What a step of ten VAEs must move and compute, over what the device could in its time."""
    session.needs_cuda()
    ceiling, step = session.results["ceilings"], step_of(session, "mlp", WIDTH)
    if "reason" in ceiling:
        raise VaebenchError(f"it needs the ceilings: {ceiling['reason']}")
    parameters, milliseconds = step["parameters_per_run"], step["recorded_step_ms"]
    first_layer = next(design(task("mlp")).network.encoder(2 * LATENT).parameters()).numel()
    passes = {
        "adam_reads_parameters_gradients_and_two_moments": 4,
        "adam_writes_parameters_and_two_moments": 3,
        "backward_writes_gradients": 1,
        "forward_and_backward_read_parameters": 2,
    }
    found |= {
        "width": WIDTH,
        "parameters_per_run": parameters,
        "passes_over_parameters": passes,
        "image_bytes": WIDTH * BATCH * prod(IMAGE),
        "flop_of_three_products": 2 * parameters * BATCH * 3 * WIDTH,
        "flop_of_first_layer_input_gradient_that_is_not_needed": 2 * first_layer * BATCH * WIDTH,
    }
    found["bytes_per_step"] = 4 * WIDTH * parameters * sum(passes.values()) + found["image_bytes"]
    found["flop_per_step"] = (
        found["flop_of_three_products"] - found["flop_of_first_layer_input_gradient_that_is_not_needed"]
    )
    found["recorded_step_ms"] = milliseconds
    found["least_ms_by_bandwidth"] = found["bytes_per_step"] / ceiling["copy_gb_per_s"] / 1e6
    found["least_ms_by_float32_products"] = found["flop_per_step"] / ceiling["float32_tflop_per_s"] / 1e9
    found["share_of_bandwidth"] = found["least_ms_by_bandwidth"] / milliseconds
    found["share_of_float32_products"] = found["least_ms_by_float32_products"] / milliseconds


def grid(session: Session, found: Found) -> None:
    """Hours of training of the full grid, from the steps measured: validation and recording are not counted."""
    rows = {name: row for name, row in session.results["steps"].get("flavours", {}).items() if "reason" not in row}
    if not rows:
        raise VaebenchError("it needs the steps of flavours: none was measured")
    flavours = len(catalogue.names("flavours"))
    cells = flavours * GRID["latents"] * GRID["datasets"]
    steps_of_cells = cells * GRID["epochs"] * GRID["steps_per_epoch"]
    found |= {
        **{"flavours": flavours, "flavours_measured": len(rows), **GRID, "seeds_in_one_pack": SEEDS},
        **{"cells_of_a_network": cells, "steps_of_a_network": steps_of_cells, "kinds": {}},
        "counted_as": "flavours not measured as the mean, controls as all epochs, every latent size as 16",
    }
    for kind in ("recorded", "eager"):
        key = f"{kind}_step_ms"
        if not all(key in row for row in rows.values()):
            continue
        mean = sum(row[key] for row in rows.values()) / len(rows)
        wide, narrow, conv = (
            step_of(session, *case)[key] for case in (("mlp", WIDTH), ("mlp", SEEDS), ("conv", SEEDS))
        )
        hours = mean * (narrow / wide) * (1 + conv / narrow) * steps_of_cells / 3.6e6
        found["kinds"][kind] = {
            "mean_step_ms_of_flavours_mlp_width_10": mean,
            "width_5_over_10_of_vae_mlp": narrow / wide,
            "conv_over_mlp_of_vae_width_5": conv / narrow,
            "hours": hours,
            "arithmetic": f"{mean:.3f} ms x {narrow / wide:.3f} (width 5 over 10, vae) x (1 + {conv / narrow:.3f}) "
            f"(mlp, and conv over mlp, vae) x {flavours} flavours x {GRID['latents']} latents x {GRID['datasets']} "
            f"datasets x {GRID['epochs']} epochs x {GRID['steps_per_epoch']} steps = {hours:.2f} h",
        }


SECTIONS: dict[str, Callable[[Session, Found], None]] = {
    "ceilings": ceilings,
    "correctness": correctness,
    "steps": steps,
    "profile": profile,
    "shares": shares,
    "grid": grid,
}


# What they print.


def markdown(*rows: tuple[str, ...]) -> str:
    """A table, of which the first row is the head and the first column words."""
    head, *rest = rows
    lines = [head, ("---", *["--:"] * (len(head) - 1)), *rest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(row: Found, key: str, digits: int = 2) -> str:
    """A value, or nothing."""
    return "" if row.get(key) is None else f"{row[key]:.{digits}f}"


def table_of_values(found: Found) -> str:
    """Every number of a section."""
    values = {name: value for name, value in found.items() if isinstance(value, int | float)}
    return markdown(
        ("what", "value"),
        *((name, f"{value:,}" if isinstance(value, int) else f"{value:,.3f}") for name, value in values.items()),
    )


def table_of_correctness(found: Found) -> str:
    """Counts, and a row for each case with a fault."""
    cases = {label: row for label, row in found["flavours"].items() if "reason" not in row}
    failed = {label: row["reason"] for label, row in found["flavours"].items() if "reason" in row}
    keys = "relative_difference_of_width_1", "relative_difference_of_cpu"
    faults = [
        (
            label,
            "yes" if row["bytes_are_eager"] else f"no ({len(row['tensors_unlike_eager'])})",
            "yes" if row["bytes_are_free_of_neighbours"] else f"no ({len(row['tensors_unlike_other_neighbours'])})",
            *("" if row[key] is None else f"{row[key]:.1e}" for key in keys),
        )
        for label, row in cases.items()
        if row["above_tolerance"] or not (row["bytes_are_eager"] and row["bytes_are_free_of_neighbours"])
    ]
    lines = [
        f"{sum(row['bytes_are_eager'] for row in cases.values())} of {len(cases)} cases have the eager runs' bytes, "
        f"{sum(row['bytes_are_free_of_neighbours'] for row in cases.values())} do not depend on neighbours, "
        f"{sum(row['above_tolerance'] for row in cases.values())} differ by more than {TOLERANCE:g} after an epoch"
    ]
    for key in keys:
        seen = {label: row[key] for label, row in cases.items() if row[key] is not None}
        if seen:
            worst = max(seen, key=lambda label: seen[label])
            lines.append(f"largest {key.replace('_', ' ')}: {seen[worst]:.1e} ({worst})")
    lines += [f"{label} failed: {reason}" for label, reason in failed.items()]
    text = "\n".join(f"- {line}" for line in lines)
    head = "case", "as eager", "free of neighbours", "from width 1", "from CPU"
    return text + (f"\n\n{markdown(head, *faults)}" if faults else "")


def table_of_steps(found: Found) -> str:
    """Milliseconds of a step: the VAE and its peers, every flavour, then the VAE in other ways."""
    keys = "recorded_step_ms", "recorded_ms_per_step_and_run", "eager_step_ms", "eager_ms_per_step_and_run"
    head = "recorded, ms", "per run", "eager, ms", "per run"

    def cells(row: Found) -> tuple[str, ...]:
        return tuple(number(row, key, 3) for key in keys) if "reason" not in row else (row["reason"], "", "", "")

    vae = [(f"vae {label}", *cells(row)) for label, row in found["vae"].items()]
    peers = [
        (label, row.get("reason", ""), "", *[number(row, "step_ms", 3)] * 2) for label, row in found["peers"].items()
    ]
    flavours = [(name, *cells(row)) for name, row in found["flavours"].items()]
    variants = [(f"vae {label}", *cells(row)) for label, row in found["variants"].items()]
    compiled = [f"noise compiled, {name}: {value}" for row in found["compiled"].values() for name, value in row.items()]
    return "\n\n".join(
        (
            markdown(("network, width, convention", *head), *vae, *peers),
            markdown((f"mlp, width {WIDTH}", *head), *flavours),
            markdown((f"width {WIDTH}", *head), *variants),
            "\n".join(f"- {line}" for line in compiled),
        )
    )


def table_of_profile(found: Found) -> str:
    """Kinds of kernels, then the kernels that take the longest."""

    def row(name: str, cost: Found) -> tuple[str, str, str]:
        return name, number(cost, "microseconds_per_step", 1), number(cost, "kernels_per_step", 0)

    rows = [row(kind, cost) for kind, cost in found["kinds"].items()] + [row("all", found)]
    rows += [row(f"{kernel['kind']}: `{kernel['name'][:80]}`".replace("|", ""), kernel) for kernel in found["top"]]
    return markdown(("a replayed step of ten VAEs", "microseconds", "kernels"), *rows)


def table_of_grid(found: Found) -> str:
    """Hours, and the arithmetic."""
    rows = found["kinds"].items()
    table = markdown(("training", "hours"), *((kind, f"{row['hours']:.2f}") for kind, row in rows))
    return "\n\n".join((table, *(f"{kind}: {row['arithmetic']}" for kind, row in rows), found["counted_as"]))


TABLES: dict[str, Callable[[Found], str]] = {
    "ceilings": table_of_values,
    "correctness": table_of_correctness,
    "steps": table_of_steps,
    "profile": table_of_profile,
    "shares": table_of_values,
    "grid": table_of_grid,
}


def main() -> None:
    start = perf_counter() - process_time()  # imports count
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--budget", type=count, default=200, help="seconds of all sections together (200)")
    parser.add_argument("--flavours", nargs="+", metavar="NAME", help="(all)")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="(cuda); cpu tries the script out")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here")
    options = parser.parse_args()
    known = catalogue.names("flavours")
    flavours = [among("flavour", name, known) for name in options.flavours or known]
    hardware.device(options.device)
    os.environ["TQDM_DISABLE"] = "1"  # these are read by the processes to come
    os.environ["PYTHONWARNINGS"] = "ignore"
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    facts = {"command": sys.argv, "date": datetime.now(UTC).isoformat(timespec="seconds"), "budget_s": options.budget}
    session = Session(options.device, flavours, options.budget, start, options.json, facts)
    try:
        facts["machine"] = session.card.outcome(ITEM_SECONDS, machine, options.device)
        print(" ".join(f"{name}: {value};" for name, value in facts["machine"].items()))
        session.run()
    finally:
        session.end()


if __name__ == "__main__":
    try:
        main()
    except VaebenchError as error:
        print(f"gpu: {error}", file=sys.stderr)
        sys.exit(2)
