"""How finely products are computed while runs train: the ``precision`` of `vaebench.study.config.Training`.

``float32`` is IEEE's, ``tf32`` takes all products of float32 on a GPU with 10 bits of mantissa, ``bfloat16`` those of
dense and convolutional layers with 7, under `torch.autocast`. Sums, losses in nats, noise, weights and the optimiser
stay float32, and so does all that is measured of a trained run. A processor without instructions for bfloat16 rounds
partial sums of transposed convolutions, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from vaebench.errors import VaebenchError
from vaebench.study.config import Precision
from vaebench.training import hardware

AMPERE = (8, 0)  # the compute capability from which on products can be tf32 or bfloat16
LAYERS = {F.linear, *(getattr(torch, f"conv{way}{axes}d") for way in ("", "_transpose") for axes in (1, 2, 3))}


@contextmanager
def products(precision: Precision, where: torch.device) -> Iterator[None]:
    """Compute products so within, derivatives included; raises `VaebenchError` if the device cannot."""
    if precision == "tf32" and where.type == "cpu":
        raise VaebenchError("precision: tf32 is for a GPU: set precision: float32 or bfloat16 on a CPU")
    if precision != "float32" and where.type == "cuda" and torch.cuda.get_device_capability(where) < AMPERE:
        raise VaebenchError(f"precision: {torch.cuda.get_device_name(where)} has no {precision}: set float32")
    if precision == "bfloat16":
        with _Rounded(where):
            yield
        return
    hardware.take_tf32(precision == "tf32")
    try:
        yield
    finally:
        hardware.take_tf32(False)


class _Rounded(TorchFunctionMode):
    """Layers take bfloat16 and return float32, so that what is summed of their results is summed in float32."""

    def __init__(self, where: torch.device) -> None:
        super().__init__()
        self.where = where

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if function not in LAYERS:
            return function(*args, **kwargs or {})
        with torch.autocast(self.where.type, torch.bfloat16, cache_enabled=False):
            result = function(*args, **kwargs or {})
        return result.float() if result.dtype == torch.bfloat16 else result
