r"""Counter-keyed noise: every random number is a function of (key, draw, position) and of nothing else.

A `Stream` is SplitMix64 (Steele, Lea & Flood 2014, https://doi.org/10.1145/2660193.2660195) in plain integer tensor
operations, so it runs inside `torch.func.vmap` with one key per stacked model, gives the same integers on every device,
has no state to checkpoint, and makes a run's noise independent of the runs beside it. Distributions draw from the
ambient stream, which the engine opens around a flavour's loss:

>>> with stream(torch.tensor(key(0, "noise"))):
...     z = normal((2, 3), like=torch.zeros(1))

Without an ambient stream `normal` and `uniform` fall back to torch's global generator, for use at the prompt.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


def _signed(word: int) -> int:
    return word - (1 << 64) if word >= 1 << 63 else word


GOLDEN = _signed(0x9E3779B97F4A7C15)
_MULTIPLIERS = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)
_WORD = (1 << 32) - 1


def _shift(word: Tensor, by: int) -> Tensor:
    """Logical right shift (torch's is arithmetic)."""
    return (word >> by) & ((1 << (64 - by)) - 1)


def _mix(word: Tensor) -> Tensor:
    """SplitMix64's output function, a bijection of 64-bit words (int64, wrapping)."""
    word = (word ^ _shift(word, 30)) * _MULTIPLIERS[0]
    word = (word ^ _shift(word, 27)) * _MULTIPLIERS[1]
    return word ^ _shift(word, 31)


def key(seed: int, purpose: str) -> int:
    """Key of a run's named stream, a signed 64-bit integer: streams of different seeds or purposes are unrelated."""
    return int.from_bytes(hashlib.sha256(f"{purpose}/{seed}".encode()).digest()[:8], "little", signed=True)


def fold(stream_key: Tensor, number: int | Tensor) -> Tensor:
    """The key of part ``number`` >= 0 of a stream, such as one step of training; a tensor's is a 0-d int64 one."""
    # int64 products wrap, as those of Python's integers do not.
    start = number * GOLDEN if isinstance(number, Tensor) else _signed(number * GOLDEN % (1 << 64))
    return _mix(_mix(stream_key + GOLDEN) + start)


class Stream:
    """A sequence of draws under one key, a 0-d int64 tensor."""

    def __init__(self, stream_key: Tensor) -> None:
        self.key, self.draws = stream_key, 0

    def bits(self, count: int) -> Tensor:
        """``(count,)`` uniform 64-bit words as int64."""
        # Draws after the first take negative numbers, which no part of a stream has.
        start = fold(self.key, -self.draws) if self.draws else self.key
        self.draws += 1
        return _mix(start + torch.arange(1, count + 1, device=self.key.device) * GOLDEN)

    def words(self, shape: Sequence[int]) -> Tensor:
        """Uniform integers in [0, 2^32), as int64 of the given shape."""
        count = math.prod(shape)
        bits = self.bits((count + 1) // 2)
        return torch.cat((_shift(bits, 32), bits & _WORD))[:count].reshape(tuple(shape))

    def uniform(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Uniform in the open interval (0, 1), of 23 bits."""
        return ((self.words(shape) >> 9).to(dtype) + 0.5) * 2.0**-23

    def normal(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Standard normal (Box & Muller 1958), within +-6.8."""
        count = math.prod(shape)
        bits = self.bits((count + 1) // 2)
        radius = ((_shift(bits, 32).to(dtype) + 0.5) * 2.0**-32).log().mul(-2).sqrt()
        angle = (bits & _WORD).to(dtype) * (2 * math.pi * 2.0**-32)
        return torch.cat((radius * angle.cos(), radius * angle.sin()))[:count].reshape(tuple(shape))


_ambient: list[Stream] = []


@contextmanager
def stream(stream_key: Tensor) -> Iterator[Stream]:
    """Draw the noise of a block from the stream of this key."""
    _ambient.append(Stream(stream_key))
    try:
        yield _ambient[-1]
    finally:
        _ambient.pop()


def normal(shape: Sequence[int], like: Tensor) -> Tensor:
    """Standard normal noise of the given shape, with the dtype and device of ``like``."""
    if _ambient:
        return _ambient[-1].normal(shape, like.dtype)
    return torch.randn(tuple(shape), dtype=like.dtype, device=like.device)


def uniform(shape: Sequence[int], like: Tensor) -> Tensor:
    """Noise uniform in (0, 1) of the given shape, with the dtype and device of ``like``."""
    if _ambient:
        return _ambient[-1].uniform(shape, like.dtype)
    return torch.rand(tuple(shape), dtype=like.dtype, device=like.device)


def rows(values: Tensor, count: int) -> Tensor:
    """``count`` rows of ``values`` (available, ...) in random order, in turn again where there are fewer."""
    order = uniform((len(values),), values).argsort()
    return values[order[torch.arange(count, device=order.device) % len(values)]]


def permutation(stream_key: Tensor, count: int) -> Tensor:
    """A uniform permutation of ``range(count)``, int64."""
    return Stream(stream_key).bits(count).argsort(stable=True)
