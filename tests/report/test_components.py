"""Components of variance: against mean squares, another programme's fit, and what was put in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vaebench.report.statistics._components import components
from vaebench.report.statistics.components import NAMES, markdown
from vaebench.report.statistics.components import components as decompose

# Four flavours of three seeds on eight pairs. Fitted by restricted maximum likelihood in statsmodels 0.15 (MixedLM with
# variance components of flavour, pair, flavour:seed and flavour:pair), which mean squares equal in complete data.
VALUES = np.array(
    [
        [
            [1.61, 0.49, -0.6, -0.82, 0.49, 1.7, -0.55, -1.37],
            [2.86, 1.48, 0.01, 0.26, 1.7, 2.61, 0.87, 0.01],
            [1.79, 0.64, -0.48, -0.82, 0.46, 1.64, 0.51, -0.87],
        ],
        [
            [-0.1, -1.28, -1.77, -2.19, -0.99, 0.35, -0.92, -2.7],
            [1.02, -0.25, -1.09, -0.64, 0.06, 0.61, -0.29, -1.84],
            [0.37, -0.57, -1.75, -1.73, -0.55, 0.3, -0.23, -2.43],
        ],
        [
            [2.12, 1.45, -0.72, -0.66, 1.31, 2.24, 0.49, -1.27],
            [2.17, 0.77, -0.98, -0.42, 0.88, 2.53, 0.75, -1.35],
            [2.61, 0.48, -0.83, -0.32, 0.43, 1.78, 0.73, -1.45],
        ],
        [
            [2.5, 1.64, 1.66, 0.44, 2.92, 2.95, 1.9, 0.59],
            [2.53, 1.35, 1.35, -0.23, 2.25, 2.74, 1.63, 0.2],
            [2.09, 0.61, 1.46, 0.11, 1.77, 2.65, 1.19, -1.07],
        ],
    ]
)
FITTED = {
    "pair": 1.1283697,
    "flavour": 0.7837329,
    "flavour:pair": 0.0970890,
    "flavour:seed": 0.1612153,
    "rest": 0.0743774,
}


def of(values: np.ndarray) -> dict[str, float]:
    """Of values (flavours, seeds, pairs), those that are not numbers left out; flavours count alike for each pair."""
    known = np.isfinite(values)
    factors = zip(("flavour", "seed", "pair"), np.indices(values.shape), strict=True)
    weights = np.broadcast_to(1 / known.sum(1, keepdims=True).clip(1), values.shape)[known]
    return components(values[known], {name: codes[known] for name, codes in factors}, NAMES[:-1], weights)


def drawn(flavours: int, seeds: int, pairs: int, deviations: dict[str, float], of: int = 0) -> np.ndarray:
    shapes = dict(
        zip(
            NAMES,
            [(1, 1, pairs), (flavours, 1, 1), (flavours, 1, pairs), (flavours, seeds, 1), (flavours, seeds, pairs)],
            strict=True,
        )
    )
    generator = np.random.default_rng(of)
    return 3 + sum(deviation * generator.normal(size=shapes[name]) for name, deviation in deviations.items())


def rows(values: np.ndarray, kind: str = "line") -> pd.DataFrame:
    """Distances whose logarithms are values (flavours, seeds, pairs), as a study's table."""
    flavour, seed, pair = np.indices(values.shape).reshape(3, -1)
    table = pd.DataFrame({"flavour": flavour, "seed": seed, "pair": pair, "value": np.exp(values.ravel())})
    return table.assign(
        flavour="f" + table["flavour"].astype(str), distance=kind, dataset="mnist", architecture="mlp", latent=2
    )


def by_mean_squares(values: np.ndarray) -> list[float]:
    """What the expected mean squares of complete values (flavours, seeds, pairs) give."""
    a, n, b = values.shape
    mean, flavour, pair = values.mean(), values.mean((1, 2), keepdims=True), values.mean((0, 1), keepdims=True)
    run, cell = values.mean(2, keepdims=True), values.mean(1, keepdims=True)
    of_flavour = n * b * np.square(flavour - mean).sum() / (a - 1)
    of_pair = a * n * np.square(pair - mean).sum() / (b - 1)
    of_run = b * np.square(run - flavour).sum() / (a * (n - 1))
    of_cell = n * np.square(cell - flavour - pair + mean).sum() / ((a - 1) * (b - 1))
    rest = np.square(values - run - cell + flavour).sum() / (a * (n - 1) * (b - 1))
    found = [
        (of_pair - of_cell) / (a * n),
        (of_flavour - of_run - of_cell + rest) / (n * b),
        (of_cell - rest) / n,
        (of_run - rest) / b,
        rest,
    ]
    return [max(value, 0) for value in found]


def test_components_are_those_of_another_programme() -> None:
    assert of(VALUES) == pytest.approx(FITTED, rel=1e-4)
    assert of(VALUES + 1e4) == pytest.approx(FITTED, rel=1e-4)


@pytest.mark.parametrize("shape", [(2, 2, 2), (3, 4, 10), (12, 6, 50)])
def test_complete_data_are_decomposed_by_mean_squares(shape: tuple[int, int, int]) -> None:
    values = drawn(*shape, dict.fromkeys(NAMES, 1.0), of=shape[0])
    assert [*of(values).values()] == pytest.approx(by_mean_squares(values), abs=1e-9)


def test_what_was_put_in_is_found_whatever_is_missing() -> None:
    deviations = dict(zip(NAMES, (1.0, 0.8, 0.5, 0.6, 0.4), strict=True))
    found = []
    for trial in range(40):
        values = drawn(10, 4, 60, deviations, of=trial)
        values[np.random.default_rng(trial).random(values.shape) < 0.2] = np.nan
        values[3, 2:] = values[5, :, :30] = values[7, 1:] = np.nan  # lost seeds, and pairs of a flavour
        found.append([*of(values).values()])
    mean, error = np.mean(found, 0), np.std(found, 0) / 40**0.5
    assert (np.abs(mean - np.square([*deviations.values()])) < 4 * error).all() and (error < 0.08).all()


def test_the_table_has_shares_and_counts() -> None:
    values = VALUES.copy()
    values[2, 1] = values[0, 0, 5] = np.nan
    distances = rows(values)
    distances.loc[0, "value"] = 0
    table = decompose(distances).set_index("component")
    known = values.copy()
    known[0, 0, 0] = np.nan
    variances = of(known)
    assert table["variance"].to_dict() == pytest.approx(variances)
    assert table["share"].to_dict() == pytest.approx({k: v / sum(variances.values()) for k, v in variances.items()})
    counts = table[["flavours", "runs", "pairs", "n", "lost"]].drop_duplicates().to_numpy().tolist()
    assert counts == [[4, 11, 8, 86, 10]] and set(table["reason"]) == {""}


def test_a_scale_of_runs_is_no_matter_to_the_pairs() -> None:
    one, other = (of(VALUES + shift) for shift in (0, np.arange(12).reshape(4, 3, 1)))
    for name in ("flavour:pair", "pair", "rest"):
        assert one[name] == pytest.approx(other[name])
    assert one["flavour:seed"] < other["flavour:seed"]


def test_a_flavour_of_more_seeds_counts_as_the_others() -> None:
    """What flavours share is the same where one has each of its seeds twice."""
    twice = np.full((4, 6, 8), np.nan)
    twice[:, :3] = VALUES
    twice[1, 3:] = VALUES[1]
    one, other = (decompose(rows(values)).set_index("component")["variance"] for values in (VALUES, twice))
    assert other["pair"] == pytest.approx(one["pair"]) and other["flavour:seed"] < one["flavour:seed"]


def test_what_cannot_be_told_has_a_reason() -> None:
    pixel = np.broadcast_to(np.linspace(0, 1, 8), VALUES.shape)
    lost = np.full(VALUES.shape, np.nan)
    one_flavour = np.where(np.arange(4)[:, None, None] == 1, VALUES, np.nan)
    kinds = {"pixel": pixel, "latent": one_flavour, "ends": lost, "line": VALUES, "shuffled": np.zeros(VALUES.shape)}
    table = decompose(pd.concat([rows(values, kind) for kind, values in kinds.items()]))
    assert table["distance"].unique().tolist() == [*kinds]
    shares = table.pivot(index="distance", columns="component", values="share")[[*NAMES]]
    assert shares.loc["pixel"].tolist() == pytest.approx([1, 0, 0, 0, 0])
    assert shares.drop(["pixel", "line"]).isna().all(axis=None) and shares.loc["line"].sum() == pytest.approx(1)
    reasons = table.groupby("distance")["reason"].first()
    told = "pairs with distances do not tell components apart"
    assert (
        reasons["latent"] == f"1 flavours, 3 runs and 8 {told}"
        and reasons["ends"] == f"0 flavours, 0 runs and 0 {told}"
    )
    assert reasons["shuffled"] == "all distances are equal"
    lines = markdown(table).splitlines()
    assert lines[0].startswith("| dataset | architecture | latent | distance | pair | flavour | flavour:pair |")
    assert lines[2] == "| MNIST | MLP | 2 | pixel | 100.0 | 0.0 | 0.0 | 0.0 | 0.0 | 4 | 12 | 8 | 0 of 96 |"
    assert lines[3] == "| MNIST | MLP | 2 | latent | — | — | — | — | — | 1 | 3 | 8 | 72 of 96 |"
    assert f"latent: {reasons['latent']}.  " in lines and lines[-1] == "shuffled: all distances are equal."


def test_blocks_are_apart() -> None:
    line = rows(VALUES)
    both = decompose(pd.concat([line, rows(VALUES**2).assign(latent=16)]))
    pd.testing.assert_frame_equal(both[both["latent"] == 2], decompose(line))
