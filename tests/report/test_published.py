from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from vaebench.report import published
from vaebench.report.summary import summarise
from vaebench.study.config import check
from vaebench.study.document import plain

ROOT = Path(__file__).parents[2]

CLAIM = {"dataset": "mnist", "latent": 10, "metric": "nll", "value": 93.84, "interval": 0.3}
CLAIM |= {"source": "A", "differences": "B", "expected": None}


def test_a_claim_meets_the_mean_of_its_own_cell() -> None:
    rows = [
        {"dataset": "mnist", "architecture": "mlp", "flavour": flavour, "latent": 10, "seed": seed, "part": ""}
        | {"metric": "nll", "value": value, "error": 0.4, "reason": ""}
        for flavour, values in {"n_vae": (94.0, 95.0, 96.0), "two": (94.0, 95.0), "other": (1.0, 2.0, 3.0)}.items()
        for seed, value in enumerate(values)
    ]
    table = published.compare(
        summarise(pd.DataFrame(rows)), {"n_vae": CLAIM, "two": CLAIM, "absent": CLAIM | {"interval": None}}
    )
    ours = table.iloc[0]
    assert (ours["ours"], ours["n"]) == (95.0, 3)
    np.testing.assert_allclose(ours["difference"], 1.16)
    np.testing.assert_allclose((ours["low"], ours["high"]), 95 + np.array([-1, 1]) * 4.302652729911275 / np.sqrt(3))
    text = published.markdown(table).splitlines()
    assert text[2] == "| n_vae | mnist | 10 | NLL | 93.84 ± 0.30 | 95.00 ± 2.48 | 0.40 | +1.16 | within | A | B |"
    assert text[3] == "| two | mnist | 10 | NLL | 93.84 ± 0.30 | 94.50 [94.00, 95.00] | 0.40 | +0.66 | open | A | B |"
    assert text[4] == "| absent | mnist | 10 | NLL | 93.84 |  |  |  | not run | A | B |"
    assert "standard error over test images" in text[-1]


def test_what_a_configuration_says_of_a_source_stays_in_its_cell() -> None:
    claim = CLAIM | {"source": "A | B\n| <script>x</script>", "differences": "`*c*` [d](e) \\\\"}
    row = {"dataset": "mnist", "architecture": "mlp", "flavour": "vae", "latent": 10, "seed": 0, "part": ""}
    row |= {"metric": "nll", "value": 94.0, "error": 0.4, "reason": ""}
    (line,) = published.markdown(published.compare(summarise(pd.DataFrame([row])), {"row": claim})).splitlines()[2:3]
    assert line.endswith(r"| A \| B \| \<script\>x\</script\> | \`\*c\*\` \[d\](e) \\\\ |")
    texts = published.forms(summarise(pd.DataFrame([row])), {"row": claim})
    assert line in texts["md"] and texts["csv"].startswith("row,dataset,latent,metric,value,")
    assert r'<td class="name">A | B | &lt;script&gt;x&lt;/script&gt;</td>' in texts["html"]
    assert r'<td class="name">`*c*` [d](e) \\</td>' in texts["html"] and 'data-value="93.84"' in texts["html"]


@pytest.mark.parametrize(
    ("ours", "claim", "verdict"),
    [
        ((94.0, 95.0, 96.0), {"value": 97.4}, "within"),  # 95 ± 2.48
        ((94.0, 95.0, 96.0), {"value": 97.6}, "open"),
        ((94.0, 95.0, 96.0), {"value": 97.6, "interval": 2.7}, "within"),  # ours in theirs
        ((94.0, 95.0, 96.0), {"value": 97.6, "interval": 2.5}, "open"),
        ((94.0, 96.0), {"value": 94.0}, "within"),  # least and greatest of two
        ((94.0, 96.0), {"value": 93.9, "expected": "higher"}, "explained"),
        ((94.0, 96.0), {"value": 93.9, "expected": "lower"}, "open"),
        ((94.0, 96.0), {"value": 96.1, "expected": "lower"}, "explained"),
        ((94.0, 96.0), {"value": 96.1, "expected": "lower", "differences": ""}, "open"),
        ((94.0,), {"value": 94.0}, "within"),
        ((94.0,), {"value": 94.1}, "open"),
        ((94.0,), {"value": 94.1, "interval": 0.1 + 1e-9}, "within"),
    ],
)
def test_verdicts(ours: tuple[float, ...], claim: dict[str, Any], verdict: str) -> None:
    row = {"dataset": "mnist", "architecture": "mlp", "flavour": "row", "latent": 10, "part": "", "metric": "nll"}
    rows = [row | {"seed": seed, "value": value, "error": 0.4, "reason": ""} for seed, value in enumerate(ours)]
    claims = {"row": CLAIM | {"interval": None} | claim}
    table = published.compare(summarise(pd.DataFrame(rows)), claims)
    assert table["verdict"].tolist() == [verdict]


def test_what_is_expected_is_given_by_the_configuration() -> None:
    study = check(plain(ROOT / "config/reproduce.yaml"))
    row = {"dataset": "mnist", "architecture": "rezende", "flavour": "vae_static", "latent": 40, "seed": 0, "part": ""}
    row |= {"metric": "nll", "value": 93.03, "error": 0.4, "reason": ""}
    table = published.compare(summarise(pd.DataFrame([row])), msgspec.to_builtins(study.published))
    assert dict(zip(table["row"], table["verdict"], strict=True)) == dict.fromkeys(study.published, "not run") | {
        "vae_static": "explained"
    }
    expected = {name: row.expected for name, row in study.published.items() if row.expected}
    assert expected == dict.fromkeys(("vae_static", "planar_80"), "higher")
