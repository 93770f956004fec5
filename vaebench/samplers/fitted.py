"""Samplers that are fitted, drawn from, kept and read back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from vaebench import random
from vaebench.errors import Missing, VaebenchError
from vaebench.files import packed, reading, unpacked, write
from vaebench.model.abilities import lacks
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler
from vaebench.study import catalogue
from vaebench.study.config import Choice
from vaebench.training.engine import EVALUATION_BATCH


@torch.no_grad()
def fit(choice: Choice, vae: VAE, codes: Encoded, seed: int) -> Sampler:
    """A sampler fitted to the codes of training images; raises `Missing` with the reason if it does not apply."""
    sampler = _empty(choice, vae)
    sampler.fit(vae, codes, seed)
    return sampler.eval()


@torch.no_grad()
def draw(sampler: Sampler, vae: VAE, count: int, seed: int) -> Tensor:
    """Mean images of ``count`` latents, (count, channels, height, width), a function of the seed."""
    with random.stream(torch.tensor(random.key(seed, type(sampler).__name__), device=vae.like.device)):
        latents = sampler.sample(vae, count)
    if not latents.isfinite().all():
        raise Missing("the latents that are drawn are not finite")
    return torch.cat([vae.decode(part.to(vae.like)) for part in latents.split(EVALUATION_BATCH)])


def save(sampler: Sampler, path: Path, facts: dict[str, Any]) -> None:
    """Write what a fitted sampler has learnt, and the ``facts`` that it depends on; raises `VaebenchError`."""
    tensors = {name: value.cpu().contiguous() for name, value in sampler.state_dict().items()}
    write(path, packed(tensors, facts))


def load(path: Path, choice: Choice, vae: VAE) -> Sampler:
    """The sampler in a file that `save` wrote, where the model is; raises `VaebenchError`."""
    with reading(path, "a fitted sampler", "delete it, and it is fitted again"):
        _, tensors = unpacked(path)
        return _restored(tensors, choice, vae)


def kept(run: Path, key: str, label: str, choice: Choice, vae: VAE, codes: Callable[[], Encoded], seed: int) -> Sampler:
    """The sampler of this label that lies with a run of this key, if it is whole and fitted as it would be now; else
    fitted, and kept there. Raises as `fit` and `save` do."""
    path = run / "samplers" / f"{label}.safetensors"
    facts = {
        "run": key,
        "sampler": msgspec.json.encode(choice).decode(),
        "code": code(choice.name),
        "device": vae.like.device.type,
    }
    if path.exists():
        try:
            with reading(path, "a fitted sampler", "it is fitted again"):
                found, tensors = unpacked(path)
        except VaebenchError as error:
            print(error, file=sys.stderr)
        else:
            if found == facts:
                return _restored(tensors, choice, vae)
    sampler = fit(choice, vae, codes(), seed)
    save(sampler, path, facts)
    return sampler


def code(name: str) -> str:
    """Fingerprint of the code that fits a sampler and draws from it."""
    return catalogue.fingerprint("samplers/fitted.py", catalogue.path_of("samplers", name))


def _restored(tensors: dict[str, Tensor], choice: Choice, vae: VAE) -> Sampler:
    sampler = _empty(choice, vae)
    sampler.restore(tensors)
    return sampler.to(vae.like.device).eval()


def _empty(choice: Choice, vae: VAE) -> Sampler:
    sampler: Sampler = catalogue.load("samplers", choice.name)(**choice.settings)
    for need in ("compression", *sampler.needs):
        if reason := lacks(vae, need):
            raise Missing(f"sampler '{choice.name}' does not apply: {reason}")
    sampler.prepare(vae)
    return sampler.to(vae.like.device)
