from __future__ import annotations

import hashlib
import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor
from torch.func import vmap

from vaebench import random
from vaebench.random import Stream, fold, key

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
SEEDS = [0, 1, 1234567, -1, -(1 << 63), (1 << 63) - 1, key(3, "noise")]
SHAPES = [(), (1,), (2,), (7,), (3, 5), (2, 3, 4), (1001,), (0,), (3, 1, 28, 28)]
COUNT = 200_001


def mix(word: int) -> int:
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ word >> 27) * 0x94D049BB133111EB & MASK
    return word ^ word >> 31


def splitmix64(seed: int, count: int) -> list[int]:
    """The generator in Python's integers."""
    return [mix((seed + index * GOLDEN) & MASK) for index in range(1, count + 1)]


def unsigned(words: Tensor) -> list[int]:
    return [word & MASK for word in words.tolist()]


def noise(purpose: str = "noise", seed: int = 0) -> Stream:
    return Stream(torch.tensor(key(seed, purpose)))


def test_bits_are_the_published_vectors() -> None:
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert splitmix64(1234567, 5) == published
    assert unsigned(Stream(torch.tensor(1234567)).bits(5)) == published


@pytest.mark.parametrize("seed", SEEDS)
def test_bits_folds_and_later_draws_agree_with_python_integers(seed: int) -> None:
    stream_key = torch.tensor(seed)
    stream = Stream(stream_key)
    assert unsigned(stream.bits(100)) == splitmix64(seed, 100)
    for number in (1, 2):
        later = fold(stream_key, -number).item()
        assert unsigned(stream.bits(9)) == splitmix64(int(later), 9)
    for number in (0, 1, 2, 12345, 10**15, -1, -2):
        expected = mix((mix((seed + GOLDEN) & MASK) + number * GOLDEN) & MASK)
        assert int(fold(stream_key, number)) & MASK == expected


@pytest.mark.parametrize("count", [1, 2, 7, 10])
def test_words_are_the_high_halves_then_the_low_halves(count: int) -> None:
    bits = splitmix64(5, (count + 1) // 2)
    expected = ([word >> 32 for word in bits] + [word & 0xFFFFFFFF for word in bits])[:count]
    assert Stream(torch.tensor(5)).words((count,)).tolist() == expected


def test_keys_are_hashes_of_seed_and_purpose() -> None:
    digest = hashlib.sha256(b"noise/7").digest()
    assert key(7, "noise") == int.from_bytes(digest[:8], "little", signed=True)
    keys = [key(seed, purpose) for seed in range(100) for purpose in ("order", "noise", "binarisation", "sample")]
    assert len(set(keys)) == 400
    assert min(keys) < 0 < max(keys)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_batch_of_keys_gives_each_key_its_own_bits(shape: tuple[int, ...]) -> None:
    keys = torch.tensor(SEEDS)

    def draws(stream_key: Tensor) -> tuple[Tensor, ...]:
        with random.stream(fold(stream_key, 3)) as stream:
            like = torch.zeros((), dtype=torch.float32)
            first = random.normal(shape, like), random.uniform(shape, like), random.normal(shape, like.double())
            return *first, stream.words(shape), random.permutation(stream_key, math.prod(shape))

    together = vmap(draws)(keys)
    for index, stream_key in enumerate(keys):
        for stacked, alone in zip(together, draws(stream_key), strict=True):
            assert torch.equal(stacked[index], alone)


def test_draws_of_a_stream_are_counted_and_repeatable() -> None:
    a, b = noise(), noise()
    first, second = a.normal((5,), torch.float64), a.normal((5,), torch.float64)
    assert torch.equal(first, b.normal((5,), torch.float64))
    assert torch.equal(second, b.normal((5,), torch.float64))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_normal_noise_is_standard_normal(dtype: torch.dtype, seed: int) -> None:
    sample = noise(seed=seed).normal((COUNT,), dtype).double().numpy()
    assert scipy.stats.kstest(sample, "norm").pvalue > 1e-3
    # Each moment within 4.5 of its standard deviations.
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert (sample**power).mean() == pytest.approx(moment, abs=4.5 * math.sqrt(variance / COUNT))
    # 1e-4 of the mass is beyond 3.89, so that the tails are there.
    assert np.mean(np.abs(sample) > scipy.stats.norm.isf(5e-5)) == pytest.approx(
        1e-4, abs=4.5 * 1e-2 / math.sqrt(COUNT)
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_two_halves_of_box_muller_are_independent(seed: int) -> None:
    first, second = noise(seed=seed).normal((2, COUNT - 1), torch.float64).numpy()
    bound = 4.5 / math.sqrt(COUNT)
    for f, g in itertools.product((np.array, np.square, np.abs), repeat=2):
        assert abs(np.corrcoef(f(first), g(second))[0, 1]) < bound
    angle = np.arctan2(second, first) / (2 * np.pi) + 0.5
    assert scipy.stats.kstest(angle, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_uniform_noise_is_uniform(dtype: torch.dtype) -> None:
    sample = noise().uniform((COUNT,), dtype).double().numpy()
    assert scipy.stats.kstest(sample, "uniform").pvalue > 1e-3
    assert sample.mean() == pytest.approx(0.5, abs=4.5 / math.sqrt(12 * COUNT))
    assert np.all(sample * 2**24 % 2 == 1)  # the middle of one of 2^23 intervals


def test_every_bit_is_fair() -> None:
    bits = noise().bits(COUNT)
    shares = torch.stack([(bits >> place & 1).double().mean() for place in range(64)])
    assert (shares - 0.5).abs().max() < 4.5 * 0.5 / math.sqrt(COUNT)


class Extreme(Stream):
    """A stream whose words are all zeros, then all ones."""

    def bits(self, count: int) -> Tensor:
        return torch.tensor([0, -1] * count)[:count]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_words_stay_inside(dtype: torch.dtype) -> None:
    stream = Extreme(torch.tensor(0))
    uniform = stream.uniform((4,), dtype)
    assert uniform.tolist() == [2.0**-24, 1 - 2.0**-24] * 2
    normal = stream.normal((4,), dtype)
    assert normal[0].item() == pytest.approx(math.sqrt(66 * math.log(2)))
    assert normal.abs().max() < 6.8


def test_streams_parts_and_draws_are_uncorrelated() -> None:
    base = torch.tensor(key(0, "noise"))
    keys = [base, *(fold(base, number) for number in (0, 1, 2, 3)), fold(fold(base, 1), 1)]
    keys += [torch.tensor(key(seed, purpose)) for seed, purpose in ((1, "noise"), (2, "noise"), (0, "order"))]
    again = Stream(base)
    rows = [Stream(part).normal((COUNT,), torch.float64) for part in keys]
    rows += [again.normal((COUNT,), torch.float64) for _ in range(3)][1:]
    rows.append(torch.roll(rows[0], 1))
    correlation = torch.corrcoef(torch.stack(rows)).fill_diagonal_(0)
    assert correlation.abs().max() < 4.8 / math.sqrt(COUNT)


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_permutations_permute(count: int) -> None:
    assert random.permutation(torch.tensor(9), count).sort().values.tolist() == list(range(count))


def test_permutations_are_uniform() -> None:
    draws = 24 * 400
    keys = vmap(lambda number: random.fold(number, 0))(torch.arange(draws))
    orders = vmap(lambda stream_key: random.permutation(stream_key, 4))(keys)
    _, counts = orders.unique(dim=0, return_counts=True)
    assert len(counts) == 24
    assert scipy.stats.chisquare(counts.numpy()).pvalue > 1e-3
    # Of a long one, fixed points are Poisson(1) and places are uncorrelated.
    long = vmap(lambda stream_key: random.permutation(stream_key, 500))(keys[:2000])
    fixed = (long == torch.arange(500)).sum(1).double()
    assert fixed.mean().item() == pytest.approx(1, abs=4.5 / math.sqrt(2000))
    assert abs(torch.corrcoef(long[:, :2].double().T)[0, 1]) < 4.5 / math.sqrt(2000)


def test_ambient_streams_nest_and_are_left_on_errors() -> None:
    like = torch.zeros(1)
    outer, inner = torch.tensor(1), torch.tensor(2)
    expected = Stream(outer)
    with random.stream(outer):
        assert torch.equal(random.normal((3,), like), expected.normal((3,), like.dtype))
        with pytest.raises(KeyError), random.stream(inner):
            assert torch.equal(random.uniform((3,), like), Stream(inner).uniform((3,), like.dtype))
            raise KeyError
        assert torch.equal(random.uniform((3,), like), expected.uniform((3,), like.dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_a_stream_noise_is_torchs_own(dtype: torch.dtype) -> None:
    like = torch.zeros((), dtype=dtype)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        drawn = random.normal((3, 2), like), random.uniform((4,), like)
        torch.manual_seed(5)
        assert torch.equal(drawn[0], torch.randn(3, 2, dtype=dtype))
        assert torch.equal(drawn[1], torch.rand(4, dtype=dtype))


def test_rows_are_each_taken_once_before_any_is_taken_again() -> None:
    values = torch.arange(5.0)
    with random.stream(torch.tensor(random.key(0, "rows"))):
        taken = random.rows(values, 12)
    assert torch.equal(taken[:5].sort().values, values) and not torch.equal(taken[:5], values)
    assert torch.equal(taken[5:10], taken[:5]) and torch.equal(taken[10:], taken[:2])
