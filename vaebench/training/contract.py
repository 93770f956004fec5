"""What a flavour's loss must keep to so that its runs can be stacked and repeated, found out on a few images."""

from __future__ import annotations

from itertools import zip_longest

import torch
from torch import Tensor

from vaebench import random
from vaebench.data.binarisation import scaled
from vaebench.errors import VaebenchError, one_line
from vaebench.training.schedule import Schedule
from vaebench.training.stack import Batch, Stack


def check(stack: Stack, images: Batch, noise: Tensor, schedule: Schedule) -> None:
    """Run each loss once as at a schedule's start; raises `VaebenchError` for what could not be repeated, or stacked.

    ``images`` are three or more, of which the first two are seen by the losses; ``noise`` (runs,) are keys.
    """
    culprit = f"flavour '{stack.flavour.name}'"
    kept = {name: value.clone() for name, value in stack.state.items()}
    drawn = _drawn(noise.device)
    stack.model.train()
    for player in (*stack.flavour.players, "criterion"):
        _run(culprit, stack, player, {name: some[:2] for name, some in images.items()}, noise, schedule)
    if drawn != _drawn(noise.device):
        raise VaebenchError(
            f"{culprit}: a module draws torch's own random numbers, as nn.Dropout does, which no run could repeat: "
            "take vaebench.model.networks.Dropout, or draw by vaebench.random"
        )
    for name, value in stack.state.items():
        if not torch.equal(kept[name], value):
            raise VaebenchError(
                f"{culprit}: a forward pass changes {name}, as nn.BatchNorm2d does: take nn.GroupNorm or nn.LayerNorm"
            )
    stack.model.eval()
    some = scaled(images["observed"])
    with torch.no_grad(), random.stream(noise[0]):
        one, other = (stack.model.encoder(some[[0, beside]]).mean[0] for beside in (1, -1))
    if not torch.allclose(one, other, rtol=1e-2, atol=1e-3, equal_nan=True):
        raise VaebenchError(
            f"{culprit}: an image's code depends on the images beside it, as with statistics of the batch: take "
            "nn.GroupNorm or nn.LayerNorm"
        )


def _run(culprit: str, stack: Stack, player: str, images: Batch, noise: Tensor, schedule: Schedule) -> None:
    """Run one loss and its derivative."""
    owned = stack.owned.get(player, [])
    facts = {"progress": schedule.progress, "n_data": schedule.images}
    masking, weight = schedule.training.masking, schedule.weight
    moved: tuple[Tensor | None, ...] = ()
    try:
        total, _, _ = stack.terms(player, images, facts, noise, masking=masking, weight=weight)
        if owned and total.requires_grad:
            moved = torch.autograd.grad(total.sum(), [stack.leaves[name] for name in owned], allow_unused=True)
    except RuntimeError as error:
        if stack.width == 1:
            raise
        raise VaebenchError(
            f"{culprit} cannot train seeds side by side in one program ({one_line(error)[:200]}): set pack to 1"
        ) from None
    still = [name for name, gradient in zip_longest(owned, moved) if gradient is None]
    if still:
        raise VaebenchError(
            f"{culprit}: no gradient of the loss of '{player}' reaches {', '.join(still[:3])}: use these parameters in "
            "the loss, or freeze them by requires_grad_(False)"
        )


def _drawn(device: torch.device) -> list[bytes]:
    """Where torch's own generators stand."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return [state.numpy().tobytes() for state in states]
