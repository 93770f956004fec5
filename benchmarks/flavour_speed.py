"""Training speed of every flavour beside Pythae's own class, side by side in one run.

Both train the same layers on the same grey images, with equal numbers of samples, steps, components and critic units.
Each side has one process, which keeps its settings (threads, allocator, matrix products) to itself; flavours and
rounds are interleaved, so that a machine that slows down slows both. Each run trains one epoch to warm up and then a
timed one; imports and the preparation of the data are not timed. See README.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from train_speed import BATCH, CLOCKS, IMAGE, LATENT, LEARNING_RATE, Task, count, design, load

from vaebench import files
from vaebench.data import binarisation
from vaebench.errors import VaebenchError
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training import engine, hardware


@dataclass(frozen=True)
class Peer:
    """Pythae's class, its settings and its trainer, and the hyperparameters that make ours do the same work."""

    model: str
    settings: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    trainer: str = "BaseTrainer"

    @property
    def config(self) -> str:
        """Name of the class's configuration; its spelling changes from class to class."""
        joined = {"WAE_MMD", "INFOVAE_MMD", "Adversarial_AE", "RAE_L2", "RAE_GP", "VAE_LinNF", "VAE_IAF"}
        return f"{self.model}_Config" if self.model in joined else f"{self.model}Config"


PEERS = {
    "ae": Peer("AE"),
    "vae": Peer("VAE"),
    "beta_vae": Peer("BetaVAE", {"beta": 4.0}),
    "disentangled_beta_vae": Peer("DisentangledBetaVAE"),
    "beta_tc_vae": Peer("BetaTCVAE"),
    "factor_vae": Peer("FactorVAE", ours={"critic_hidden": [1000] * 5}, trainer="AdversarialTrainer"),
    "info_vae": Peer("INFOVAE_MMD", {"lbd": 10.0}),
    "msssim_vae": Peer("MSSSIM_VAE", {"window_size": 3}),
    "vae_gan": Peer("VAEGAN", ours={"features": 256, "penalty": 0.0}, trainer="CoupledOptimizerAdversarialTrainer"),
    "iwae": Peer("IWAE", {"number_samples": 8}, {"samples": 8}),
    "miwae": Peer("MIWAE", {"number_gradient_estimates": 4, "number_samples": 8}, {"groups": 4, "samples": 8}),
    "piwae": Peer(
        "PIWAE",
        {"number_gradient_estimates": 4, "number_samples": 8},
        {"groups": 4, "samples": 8},
        "CoupledOptimizerTrainer",
    ),
    "ciwae": Peer("CIWAE", {"number_samples": 8}, {"samples": 8}),
    "vae_lin_nf": Peer("VAE_LinNF", {"flows": ["Planar", "Planar"]}, {"layers": 2}),
    "vae_iaf": Peer("VAE_IAF", {"n_made_blocks": 2, "n_hidden_in_made": 1, "hidden_size": 128}),
    "hvae": Peer("HVAE", {"n_lf": 3}, {"steps": 3}),
    "rhvae": Peer("RHVAE", {"n_lf": 3}, {"steps": 3, "centroids": BATCH}),
    "vamp": Peer("VAMP", {"number_components": 500}, {"components": 500}),
    "svae": Peer("SVAE"),
    "poincare_vae": Peer("PoincareVAE"),
    "wae_mmd": Peer("WAE_MMD"),
    "adversarial_ae": Peer("Adversarial_AE", ours={"critic_hidden": [256]}, trainer="AdversarialTrainer"),
    "rae_l2": Peer("RAE_L2", trainer="CoupledOptimizerTrainer"),
    "rae_gp": Peer("RAE_GP"),
    "vq_vae": Peer("VQVAE", {"num_embeddings": 512}, {"codes": 512, "code_size": LATENT}),
}


def train_vaebench(name: str, task: Task) -> list[float]:
    """Times at which our engine's epochs end; one image stands in for the validation set, which it always has."""
    images = load(task)
    hyper = catalogue.settle("flavours", name, PEERS[name].ours)
    training = Training(epochs=1 + task.epochs, batch_size=BATCH, learning_rate=LEARNING_RATE)
    feed = engine.Feed(images, images[:1], dynamic=False)
    pack = engine.Pack(catalogue.load("flavours", name), design(task), hyper, training, [0], feed)
    return [CLOCKS[task.clock]() for _ in pack.train()]


def train_pythae(name: str, task: Task) -> list[float]:
    """Times at which the epochs of Pythae's trainer end, by its own callbacks; logs and progress bars are off."""
    from pythae import models, trainers
    from pythae.data.datasets import BaseDataset
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers.training_callbacks import TrainingCallback

    peer, network, times = PEERS[name], design(task).network, []
    deterministic = peer.model in ("AE", "WAE_MMD", "RAE_L2", "RAE_GP", "VQVAE")

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.latent_dim = LATENT
            self.network = network.encoder(LATENT if deterministic else 2 * LATENT)

        def forward(self, x: Tensor) -> Any:
            out = self.network(x)
            return ModelOutput(embedding=out[:, :LATENT], log_covariance=out[:, LATENT:], log_concentration=out[:, -1:])

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.network = network.decoder(LATENT, IMAGE[0])

        def forward(self, z: Tensor) -> Any:
            logits = self.network(z)
            return ModelOutput(reconstruction=logits if name == "hvae" else logits.sigmoid())

    class Marks(TrainingCallback):
        def on_epoch_end(self, training_config: Any, **_: Any) -> None:
            times.append(CLOCKS[task.clock]())

    logging.disable()
    torch.distributions.Distribution.set_default_validate_args(False)  # its HVAE would refuse grey pixels
    config = getattr(models, peer.config)
    fields = {"input_dim": IMAGE, "latent_dim": LATENT} | peer.settings
    if "reconstruction_loss" in config.__dataclass_fields__ and name != "rhvae":  # which has no Bernoulli
        fields["reconstruction_loss"] = "bce"
    model: nn.Module = getattr(models, peer.model)(config(**fields), encoder=Encoder(), decoder=Decoder())
    with tempfile.TemporaryDirectory() as folder:
        settings = getattr(trainers, f"{peer.trainer}Config")(
            output_dir=folder,
            num_epochs=1 + task.epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=LEARNING_RATE,
            no_cuda=True,
        )
        images = binarisation.scaled(load(task))
        dataset = BaseDataset(images, torch.zeros(len(images)))
        getattr(trainers, peer.trainer)(model, dataset, training_config=settings, callbacks=[Marks()]).train()
    return times


SIDES = {"vaebench": train_vaebench, "Pythae": train_pythae}


def measure(side: str, name: str, task: Task) -> float:
    """Images per second of the timed epochs."""
    if side == "vaebench":
        hardware.prepare(task.threads)
    else:
        torch.set_num_threads(task.threads)
    times = SIDES[side](name, task)
    return task.images * task.epochs / (times[-1] - times[0])


class Products(TorchDispatchMode):
    """Counts the floating-point operations of matrix products within."""

    def __init__(self) -> None:
        super().__init__()
        self.flop = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **kwargs or {})
        name = operation._schema.name.removeprefix("aten::")
        if name in ("mm", "bmm", "addmm", "baddbmm"):
            self.flop += 2 * result.numel() * args[name.startswith(("add", "badd"))].shape[-1]
        return result


def work(side: str, name: str, task: Task) -> int:
    """Floating-point operations in products of a whole run."""
    with Products() as products:
        SIDES[side](name, task)
    return products.flop


def compare(names: list[str], task: Task, rounds: int) -> dict[str, dict[str, Any]]:
    """For each flavour: speeds and products of a run by side, the median over rounds of the ratio of speeds."""
    context = multiprocessing.get_context("spawn")
    pools = {side: ProcessPoolExecutor(1, context) for side in SIDES}
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        speeds: dict[str, list[float]] = {side: [] for side in SIDES}
        for _ in range(rounds):
            for side, pool in pools.items():
                speeds[side].append(pool.submit(measure, side, name, task).result())
        ratio = median(ours / theirs for ours, theirs in zip(*speeds.values(), strict=True))
        flop = {side: pool.submit(work, side, name, task).result() for side, pool in pools.items()}
        results[name] = {"peer": PEERS[name].model, "samples_per_second": speeds, "ratio": ratio, "flop": flop}
        medians = (f"{median(values):,.0f}" for values in speeds.values())
        row = (name, PEERS[name].model, *medians, f"{ratio:.2f}", f"{flop['vaebench'] / flop['Pythae']:.2f}")
        print(f"| {' | '.join(row)} |", flush=True)
    for pool in pools.values():
        pool.shutdown()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("flavours", nargs="*", metavar="FLAVOUR", help="(all that Pythae has)")
    parser.add_argument("--threads", type=count, default=1, help="CPU threads of both sides (1)")
    parser.add_argument("--images", type=count, default=5120, help="images of one epoch (5120)")
    parser.add_argument("--rounds", type=count, default=3, help="rounds, each of both sides in turn (3)")
    parser.add_argument("--data", metavar="FOLDER", help="folder of MNIST's IDX files (random bytes of the same shape)")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="(wall); processor where others use the machine"
    )
    parser.add_argument("--json", metavar="FILE", help="write all numbers here")
    options = parser.parse_args()
    if unknown := set(options.flavours) - set(PEERS):
        raise VaebenchError(f"no peer for {', '.join(sorted(unknown))}: choose from {', '.join(PEERS)}")
    os.environ["TQDM_DISABLE"] = "1"  # read as tqdm is imported, by the processes to come
    os.environ["PYTHONWARNINGS"] = "ignore"
    task = Task("mlp", options.data, options.images, 1, options.threads, "cpu", 1, options.clock)
    print("| flavour | Pythae's class | ours, images/s | Pythae, images/s | ratio | products, ours to Pythae's |")
    print("|---|---|--:|--:|--:|--:|")
    results = compare(options.flavours or list(PEERS), task, options.rounds)
    if options.json:
        facts = {"task": asdict(task), "rounds": options.rounds, "results": results}
        files.write(options.json, json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except VaebenchError as error:
        sys.exit(f"flavour_speed: {error}")
