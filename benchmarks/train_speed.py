"""Training speed of vaebench, of a plain PyTorch loop and of Pythae: same layers, weights, images and objective.

Every contender trains in a process of its own, so that the settings of one (threads, allocator, matrix products) never
reach another, and the rounds are interleaved, so that a machine that slows down slows all of them. Each run trains one
epoch to warm up and then the timed ones; imports and the preparation of the data are not timed. See README.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from vaebench import files
from vaebench.data import binarisation
from vaebench.data.readers import read
from vaebench.errors import VaebenchError
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training import engine, hardware

IMAGE, LATENT, BATCH, LEARNING_RATE = (1, 28, 28), 16, 128, 1e-3
TOLERANCE = 1e-4
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
Mark = Callable[[], None]


@dataclass(frozen=True)
class Task:
    """What every contender trains, and on what. ``pack`` is the number of seeds that vaebench stacks.

    The ``clock``, of `CLOCKS`, is that of seconds, or of the processor's in this process.
    """

    architecture: str
    data: str | None
    images: int
    epochs: int
    threads: int
    device: str
    pack: int
    clock: str = "wall"


def load(task: Task) -> Tensor:
    """The first training images of the folder's IDX files, else random bytes: uint8 (images, 1, 28, 28)."""
    if task.data is None:
        return torch.randint(256, (task.images, *IMAGE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    names = [Path(task.data, f"train-images-idx3-ubyte{ending}") for ending in (".gz", "")]
    images = read(next((path for path in names if path.exists()), names[0])).images
    if len(images) < task.images or images.shape[1:] != IMAGE:
        raise VaebenchError(
            f"{task.data}: {len(images)} images of shape {images.shape[1:]}, but {task.images} of shape {IMAGE} are "
            "asked for: lower --images, or give a folder of 28x28 images"
        )
    return torch.from_numpy(images[: task.images])


def design(task: Task) -> Design:
    """The architecture with its default layers, grey Bernoulli pixels."""
    network = catalogue.load("networks", task.architecture)(IMAGE)
    return Design(IMAGE, LATENT, network, catalogue.load("likelihoods", "bernoulli"))


def fresh(task: Task) -> VAE:
    """A VAE with the weights of seed 0."""
    return catalogue.load("flavours", "vae").initial(design(task), {}, 0)


def networks(vae: VAE) -> tuple[nn.Module, nn.Module]:
    """The layers that all contenders share: image to mean and log standard deviation, and latent to logits."""
    return vae.get_submodule("encoder.network"), vae.get_submodule("decoder.network")


def plain_loss(encoder: nn.Module, decoder: nn.Module, x: Tensor) -> Tensor:
    """The negative evidence lower bound in nats, a mean over the batch (batch, 1, 28, 28), in plain PyTorch."""
    mean, log_std = encoder(x).chunk(2, -1)
    z = mean + log_std.exp() * torch.randn_like(mean)
    distortion = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
    rate = 0.5 * (mean.square() + (2 * log_std).exp() - 1 - 2 * log_std).sum()
    return (distortion + rate) / len(x)


def pythae_model(encoder: nn.Module, decoder: nn.Module) -> Any:
    """Pythae's VAE around the same networks."""
    from pythae.models import VAE as PythaeVAE
    from pythae.models import VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.network = encoder

        def forward(self, x: Tensor) -> Any:
            mean, log_std = self.network(x).chunk(2, -1)
            return ModelOutput(embedding=mean, log_covariance=2 * log_std)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.network = decoder

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.network(z).sigmoid())

    config = VAEConfig(input_dim=IMAGE, latent_dim=LATENT, reconstruction_loss="bce")
    return PythaeVAE(config, Encoder(), Decoder())


def train_vaebench(task: Task, images: Tensor, where: torch.device, mark: Mark) -> None:
    """The engine as the workflow runs it; one image stands in for the validation set, which it always has."""
    images = images.to(where)
    feed = engine.Feed(images, images[:1], dynamic=False)
    training = Training(epochs=1 + task.epochs, batch_size=BATCH, learning_rate=LEARNING_RATE)
    pack = engine.Pack(catalogue.load("flavours", "vae"), design(task), {}, training, list(range(task.pack)), feed)
    mark()
    for _ in pack.train():
        mark()


def train_plain(task: Task, images: Tensor, where: torch.device, mark: Mark) -> None:
    """TensorDataset, DataLoader and Adam, all with their defaults."""
    vae = fresh(task).to(where)
    loader = DataLoader(TensorDataset(binarisation.scaled(images)), batch_size=BATCH, shuffle=True)
    optimiser = torch.optim.Adam(vae.parameters(), lr=LEARNING_RATE)
    mark()
    for _ in range(1 + task.epochs):
        total = 0.0
        for (x,) in loader:
            optimiser.zero_grad()
            loss = plain_loss(*networks(vae), x.to(where))
            loss.backward()
            optimiser.step()
            total += loss.item()
        mark()


def train_pythae(task: Task, images: Tensor, where: torch.device, mark: Mark) -> None:
    """Pythae's BaseTrainer.train, timed by its own callbacks; logs and progress bars are off."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    class Marks(TrainingCallback):
        def on_train_begin(self, training_config: Any, **_: Any) -> None:
            mark()

        def on_epoch_end(self, training_config: Any, **_: Any) -> None:
            mark()

    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=1 + task.epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=LEARNING_RATE,
            no_cuda=where.type == "cpu",
        )
        dataset = BaseDataset(binarisation.scaled(images), torch.zeros(len(images)))
        BaseTrainer(pythae_model(*networks(fresh(task))), dataset, training_config=config, callbacks=[Marks()]).train()


CONTENDERS = {"vaebench": train_vaebench, "plain loop": train_plain, "Pythae": train_pythae}


def measure(contender: str, task: Task) -> dict[str, Any]:
    """Samples per second of the timed epochs, and the settings of the process; samples of stacked models add up."""
    where, times = hardware.device(task.device), []
    if contender == "vaebench":
        hardware.prepare(task.threads)
    else:
        torch.set_num_threads(task.threads)

    def mark() -> None:
        if where.type == "cuda":
            torch.cuda.synchronize()
        times.append(CLOCKS[task.clock]())

    CONTENDERS[contender](task, load(task), where, mark)
    samples = task.images * task.epochs * (task.pack if contender == "vaebench" else 1)
    return {"samples_per_second": samples / (times[-1] - times[1]), "hardware": hardware.describe(where)}


def agree(contenders: list[str], task: Task) -> dict[str, float]:
    """Each contender's objective for the same weights, batch and noise; raises `VaebenchError` where they differ."""
    vae, x = fresh(task), binarisation.scaled(load(task)[:BATCH])
    flavour = catalogue.load("flavours", "vae")
    losses: dict[str, Callable[[], Tensor]] = {
        "vaebench": lambda: torch.stack([term.mean() for term in flavour.terms("model", vae, x, {})[0].values()]).sum(),
        "plain loop": lambda: plain_loss(*networks(vae), x),
        "Pythae": lambda: pythae_model(*networks(vae))({"data": x}).loss,
    }
    values = {}
    for contender in contenders:
        # All three draw their noise as one standard normal tensor (batch, latent) from torch's generator.
        torch.manual_seed(0)
        values[contender] = losses[contender]().item()
    if max(values.values()) - min(values.values()) > TOLERANCE * abs(values["plain loop"]):
        raise VaebenchError(f"{task.architecture}: objectives differ, so speeds do not compare: mend them ({values})")
    return values


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result from a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def compare(contenders: list[str], task: Task, rounds: int) -> dict[str, Any]:
    """All rounds of one architecture: speeds and loads by contender, and ratios, each a median over the rounds."""
    objective = alone(agree, contenders, task)
    speeds: dict[str, list[float]] = {contender: [] for contender in contenders}
    loads: dict[str, list[float]] = {contender: [] for contender in contenders}
    settings = {}
    for _ in range(rounds):
        for contender in contenders:
            loads[contender].append(os.getloadavg()[0])
            result = alone(measure, contender, task)
            speeds[contender].append(result["samples_per_second"])
            settings[contender] = result["hardware"]
    ratios = {
        contender: {
            other: median(ours / theirs for ours, theirs in zip(speeds[contender], speeds[other], strict=True))
            for other in contenders
            if other != "vaebench"
        }
        for contender in contenders
    }
    return {
        "task": asdict(task),
        "objective": objective,
        "samples_per_second": speeds,
        "ratios": ratios,
        "load_average": loads,
        "hardware": settings,
    }


def table(result: dict[str, Any]) -> str:
    """One architecture's rows, as aligned Markdown."""
    others = ["plain loop", "Pythae"]
    rows = [["samples/s", "median", "min", "max", *(f"x {other}" for other in others)]]
    for contender in CONTENDERS:
        if speeds := result["samples_per_second"].get(contender):
            ratios = result["ratios"][contender]
            numbers = [f"{value:,.0f}" for value in (median(speeds), min(speeds), max(speeds))]
            rows.append([contender, *numbers, *(f"{ratios[other]:.2f}" if other in ratios else "" for other in others)])
        else:
            rows.append([contender, "not installed", "", "", "", ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    lines = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def count(text: str) -> int:
    """A command-line integer >= 1."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=count, default=1, help="CPU threads of every contender (1)")
    parser.add_argument("--images", type=count, default=20000, help="images of one epoch (20000)")
    parser.add_argument("--epochs", type=count, default=1, help="timed epochs of one round, after one to warm up (1)")
    parser.add_argument("--rounds", type=count, default=3, help="rounds, each of all contenders in turn (3)")
    parser.add_argument("--architectures", nargs="+", default=["mlp", "conv"], metavar="NAME", help="(mlp conv)")
    parser.add_argument("--data", metavar="FOLDER", help="folder of MNIST's IDX files (random bytes of the same shape)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="(cpu)")
    parser.add_argument("--pack", type=count, default=1, help="seeds that vaebench stacks in one program (1)")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="(wall); processor where others use the machine"
    )
    parser.add_argument("--json", metavar="FILE", help="write all numbers here")
    options = vars(parser.parse_args())
    rounds, file = options.pop("rounds"), options.pop("json")
    names = [catalogue.path_of("networks", name).stem for name in options.pop("architectures")]

    os.environ["TQDM_DISABLE"] = "1"  # read as tqdm is imported, by the processes to come
    has_pythae = importlib.util.find_spec("pythae") is not None
    contenders = [name for name in CONTENDERS if name != "Pythae" or has_pythae]
    versions = {name: importlib.metadata.version(name) for name in ("torch", *["pythae"] * has_pythae)}
    print(f"images: {options['data'] or 'random bytes'}; versions: {versions}", file=sys.stderr)
    results = []
    for name in names:
        results.append(compare(contenders, Task(architecture=name, **options), rounds))
        print(f"\n{name}, {options['threads']} thread(s), {options['device']}\n\n{table(results[-1])}")
    if file:
        files.write(file, json.dumps({"versions": versions, "rounds": rounds, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except VaebenchError as error:
        sys.exit(f"train_speed: {error}")
