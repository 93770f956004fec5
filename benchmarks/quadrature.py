"""Audit of importance sampling: the evidence of a run of latent size 2 by quadrature over the latent plane.

python benchmarks/quadrature.py RUN DATA, with a run's folder and its prepared dataset, prints the NLL in nats by the
trapezoidal rule and by importance sampling with growing K, on evenly spaced test images.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor

from vaebench import interface
from vaebench.data import binarisation
from vaebench.data.dataset import load
from vaebench.evaluation.metrics.likelihood.nll import nll
from vaebench.evaluation.subject import Subject
from vaebench.model.vae import VAE
from vaebench.training import hardware, runs

REACH, POINTS = 6.0, 481


@torch.no_grad()
def evidence(model: VAE, x: Tensor) -> Tensor:
    """log p(x) in nats, (images,): the integral of p(x|z) p(z) over a grid of spacing 0.025 on [-6, 6]^2."""
    axis = torch.linspace(-REACH, REACH, POINTS)
    prior = model.get_submodule("prior")(model.encoder)
    total = torch.full((len(x),), -math.inf, dtype=torch.float64)
    for z in torch.cartesian_prod(axis, axis).split(500):
        joint = model.decoder(z[:, None]).log_prob(x) + prior.log_prob(z)[:, None]
        total = torch.logaddexp(total, joint.double().logsumexp(0))
    return total + 2 * math.log(2 * REACH / (POINTS - 1))


def main() -> None:
    """Print the NLL of a run by quadrature and by importance sampling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=50)
    options = parser.parse_args()
    hardware.prepare()
    record, test = runs.record(options.run), load(options.data).test.images
    x = binarisation.scaled(binarisation.fixed(test, record["cell"]["convention"], "test"))
    x = x[torch.arange(options.images) * len(x) // options.images]
    model = interface.load(options.run)
    print(f"quadrature  {-evidence(model, x).mean():.2f}")
    for samples in (1, 50, 500, 5000):
        sampled = Subject(model, x, x, record["seed"], importance_samples=samples, importance_images=len(x))
        [row] = nll.rows(sampled)
        print(f"K = {samples:5d}   {row.value:.2f}")


if __name__ == "__main__":
    main()
