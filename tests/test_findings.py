"""The pages of findings against the tables that they are about: what they state is what the committed results say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
GENERATION, REPRESENTATION = ((ROOT / f"docs/{name}.md").read_text() for name in ("generation", "representation"))
CONTROLS = ["copy", "mean"]


def results(study: str) -> pd.DataFrame:
    """The committed values of a study."""
    return pd.read_csv(ROOT / f"results/{study}/tables/metrics.csv", dtype={"part": str}).fillna({"part": ""})


@pytest.fixture(scope="module")
def suite() -> pd.DataFrame:
    return results("suite")


def values(suite: pd.DataFrame, dataset: str, latent: int, metric: str, part: str = "") -> pd.Series:
    """Of the flavours that have one, controls aside."""
    rows = suite.query("dataset == @dataset and latent == @latent and metric == @metric and part == @part")
    return rows[~rows["flavour"].isin(CONTROLS)].set_index("flavour")["value"].dropna()


def spearman(one: pd.Series, other: pd.Series) -> str:
    return f"{one.corr(other, method='spearman'):.2f}"


def test_the_sampler_matters_more_than_the_flavour(suite: pd.DataFrame) -> None:
    text = " ".join(GENERATION.split())
    found = {}
    for dataset in ("mnist", "fashion_mnist"):
        prior, mixture = (values(suite, dataset, 16, "frechet_distance", p) for p in ("prior", "gaussian_mixture"))
        both = prior.index.intersection(mixture.index)
        nll, gap = (values(suite, dataset, 16, name) for name in ("nll", "marginal_kl"))
        found[dataset] = {
            "better": f"{(mixture[both] < prior[both]).sum()} of",
            "medians": f"from {prior[both].median():.1f} to {mixture[both].median():.1f}",
            "order": spearman(prior, mixture),
            "gain": spearman(prior - mixture, gap),
            "likelihood": spearman(nll, prior),
        }
    mnist, fashion = found["mnist"], found["fashion_mnist"]
    assert f"for {mnist['better']} the 30 flavours on MNIST that have both, and for {fashion['better']} 30" in text
    assert f"{mnist['medians']}, and {fashion['medians']}" in text
    assert f"(Spearman {mnist['order']} and {fashion['order']} between the two samplers)" in text
    assert f"Spearman {mnist['gain']} on MNIST and {fashion['gain']} on Fashion-MNIST at 16 latents" in text
    assert f"(Spearman {mnist['likelihood']} and {fashion['likelihood']})" in text


def test_the_table_of_samples_is_that_of_the_results(suite: pd.DataFrame) -> None:
    page = GENERATION.partition("## Every")[0]
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in page.splitlines() if "| " in line}
    assert len(rows) == 19
    names = {"VAE": "vae", "VAMP": "vamp", "RAE-GP": "rae_gp", "σ-VAE": "sigma_vae", "Adversarial-AE": "adversarial_ae"}
    for label, flavour in names.items():
        numbers = [cell.strip() for cell in rows[label]]
        expected = []
        for dataset in ("mnist", "fashion_mnist"):
            for metric, part, digits in (
                ("frechet_distance", "prior", 2),
                ("frechet_distance", "gaussian_mixture", 2),
                ("nll", "", 1),
            ):
                value = values(suite, dataset, 16, metric, part).get(flavour)
                expected.append("—" if value is None else f"{value:.{digits}f}")
        assert numbers == expected, label


def test_probes_and_detection_are_those_of_the_results(suite: pd.DataFrame) -> None:
    text = " ".join(REPRESENTATION.split())
    probes = {
        (name, dataset): values(suite, dataset, 16, name)
        for name in ("neighbour_probe", "logistic_probe")
        for dataset in ("mnist", "fashion_mnist")
    }
    medians = {key: f"{found.median():.1f} %" for key, found in probes.items()}
    assert f"class of {medians['neighbour_probe', 'mnist']} of the test images" in text
    assert f"and of {medians['neighbour_probe', 'fashion_mnist']} of Fashion-MNIST" in text
    regressions = [medians["logistic_probe", dataset] for dataset in ("mnist", "fashion_mnist")]
    assert f"a logistic regression of {regressions[0]} and {regressions[1]}" in text
    nll = [spearman(values(suite, d, 16, "nll"), probes["logistic_probe", d]) for d in ("mnist", "fashion_mnist")]
    assert f"Spearman correlation of {nll[0]} and {nll[1]} at 16 latents" in text
    foreign = [values(suite, "fashion_mnist", latent, "auroc_elbo", "mnist") for latent in (16, 2)]
    assert f"({foreign[0].median():.1f} % at 16 latents and {foreign[1].median():.1f} % at two" in text
    assert f"{max(foreign[0].max(), foreign[1].max()):.1f} % at the best" in text


def test_the_best_distance_can_be_a_copy() -> None:
    text = " ".join(GENERATION.split())
    found = results("samplers")
    found = found.query("flavour == 'vae' and latent == 16").set_index(["metric", "part"])["value"]
    distance, copied, recall = (found[name].dropna() for name in ("frechet_distance", "memorisation", "recall"))
    best = distance.nsmallest(3)
    assert set(best.index) == {"vamp", "manifold", "aggregate_posterior"}
    assert f"mixture's {distance['gaussian_mixture']:.2f}" in text
    assert f"at {best.min():.2f} to {best.max():.2f}" in text
    assert f"in {copied[best.index].min():.0f} % to {copied[best.index].max():.0f} % of the cases" in text
    assert f"reach {recall['vamp']:.0f} % and {recall['manifold']:.0f} % of the test images" in text
    assert f"the mixture reaches {recall['gaussian_mixture']:.0f} %" in text


def test_nothing_is_disentangled_after_ten_epochs() -> None:
    text = " ".join(REPRESENTATION.split())
    found = results("shapes").groupby(["metric", "flavour"])["value"].mean()
    gaps = {flavour: f"{found['mig', flavour]:.3f}" for flavour in ("vae", "beta_vae", "factor_vae", "ae")}
    assert f"VAE has a MIG of {gaps['vae']}, β-VAE {gaps['beta_vae']} and Factor-VAE {gaps['factor_vae']}" in text
    assert f"the plain autoencoder {gaps['ae']}" in text
    assert f"β-VAE's codes is {found['linear_cka', 'beta_vae']:.3f}" in text
    assert f"of VAE {found['linear_cka', 'vae']:.3f}" in text


def test_what_is_dear_to_measure_is_as_told() -> None:
    text = " ".join(GENERATION.split())
    found = results("thorough")
    values = found.set_index(["latent", "flavour", "part", "metric"])["value"]
    evidence = {name: f"{values[16, name, '', 'evidence_nll']:.1f}" for name in ("vae", "wae_mmd", "vq_vae")}
    assert f"at {evidence['wae_mmd']} nats at 16 latents, VAE at {evidence['vae']}" in text
    assert f"Of VQ-VAE's {evidence['vq_vae']} the certificate" in text
    assert f"{values[16, 'vq_vae', '', 'bdmc_gap']:.1f} nats apart" in text
    gaps = [f"{values[16, 'vae', '', f'{name}_gap']:.1f}" for name in ("amortisation", "approximation")]
    assert f"{gaps[0]} nats would come back" in text and f"image, {gaps[1]} are beyond" in text
    few = values[16, "vae", "gaussian_mixture", "few_image_accuracy"]
    assert f"right in {few:.1f} % of the cases" in text
    judged = found[found["metric"].isin(["frechet_distance", "other_judges_distance_2"])]
    table = judged.pivot_table(index=["latent", "flavour", "part"], columns="metric", values="value").dropna()
    assert len(table) == 12 and f"Spearman {table.corr(method='spearman').iloc[0, 1]:.2f}" in text
