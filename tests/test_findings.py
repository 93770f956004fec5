"""The pages of findings against the tables that they are about: what they state is what the committed results say."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from vaebench.report import published
from vaebench.report.figures import style
from vaebench.report.results import Results
from vaebench.report.statistic import inputs, make, roles
from vaebench.report.tables import columns
from vaebench.report.tables.forms import pages
from vaebench.study import catalogue, config, document
from vaebench.study.naming import readable

ROOT = Path(__file__).parents[1]
PAGES = ("generation", "representation", "geometry", "findings", "reproduce")
GENERATION, REPRESENTATION, GEOMETRY, FINDINGS, REPRODUCE = ((ROOT / f"docs/{name}.md").read_text() for name in PAGES)
CONTROLS = ["copy", "mean"]
SAMPLERS = {"prior": "prior", "mixture": "gaussian_mixture"}
DATASETS = ("mnist", "fashion_mnist")
TABLED = {  # flavours of the table of samples, and what it calls them
    "vae": "VAE", "beta_vae": "β-VAE", "iwae": "IWAE", "miwae": "MIWAE", "vamp": "VAMP",
    "flow_prior_vae": "Flow-Prior-VAE", "two_layer_vae": "Two-Layer-VAE", "mixture_vae": "Mixture-VAE",
    "sigma_vae": "σ-VAE", "msssim_vae": "MSSSIM-VAE", "svae": "SVAE", "wae_mmd": "WAE-MMD", "swae": "SWAE", "ae": "AE",
    "rae_gp": "RAE-GP", "vq_vae": "VQ-VAE (uniform codes)", "adversarial_ae": "Adversarial-AE",
    "mean": "mean (control)",
}  # fmt: skip


def results(study: str) -> pd.DataFrame:
    """The committed values of a study."""
    return Results(ROOT / f"results/{study}").needed("metrics")


@functools.cache
def means(study: str) -> pd.DataFrame:
    """The means over seeds of a study, controls aside."""
    return Results(ROOT / f"results/{study}").summary.query("flavour not in @CONTROLS")


def values(dataset: str, latent: int, metric: str, part: str = "") -> pd.Series:
    """Means of the reference, of the flavours that have one, controls aside."""
    rows = means("reference").query("dataset == @dataset and latent == @latent and metric == @metric and part == @part")
    return rows.set_index("flavour")["mean"].dropna()


def said(text: str, words: str, *numbers: object) -> None:
    """Hold a page to words that are filled with numbers."""
    assert (expected := words.format(*numbers)) in " ".join(text.split()), expected


@pytest.mark.parametrize("path", sorted(ROOT.glob("results/*/tables/conditions.json")), ids=lambda path: path.parts[-3])
def test_committed_pages_are_those_of_the_committed_tables(path: Path) -> None:
    folder = Results(path.parents[1]).held()
    study = folder.study
    made = dict(pages(folder, study.families(), columns.of_study(study)))
    committed = {page.name: page.read_text() for page in path.parent.glob("*.md")}
    for name, tables in inputs(geometry=True).items():
        if f"{name}.md" in committed:
            given = {table: folder.summary if table == "summary" else folder.needed(table) for table in tables}
            made[f"{name}.md"] = make(name, given, roles(study))[1]
    assert len(committed) > 3 and {name: made.get(name, text) for name, text in committed.items()} == committed


def spearman(one: pd.Series, other: pd.Series) -> str:
    return f"{one.corr(other, method='spearman'):.2f}"


def test_the_sampler_matters_more_than_the_flavour() -> None:
    found: dict[str, list[object]] = {}
    for dataset in DATASETS:
        for latent in (16, 2):
            prior, mixture = (values(dataset, latent, "frechet_distance", part) for part in SAMPLERS.values())
            nll, gap = (values(dataset, latent, name) for name in ("nll", "marginal_kl"))
            gain = (prior - mixture).dropna()
            assert len(gain.index.intersection(gap.index)) == 22
            found.setdefault(f"gain {latent}", []).append(spearman(gain, gap))
            found.setdefault(f"likelihood {latent}", []).append(spearman(nll, prior))
        prior, mixture = (values(dataset, 16, "frechet_distance", part) for part in SAMPLERS.values())
        shared = prior.index.intersection(mixture.index)
        assert len(shared) == 30
        found.setdefault("better", []).append((mixture[shared] < prior[shared]).sum())
        found.setdefault("medians", []).extend((prior[shared].median(), mixture[shared].median()))
        found.setdefault("order", []).append(spearman(prior, mixture))
        found.setdefault("learned", []).append(mixture["vamp"] - prior["vamp"])
        for metric in ("precision", "recall", "memorisation"):
            medians = [values(dataset, 16, metric, part)[shared].median() for part in SAMPLERS.values()]
            found.setdefault(metric, []).extend(medians)
        assert all(values(dataset, 2, "recall", part).median() < 1 for part in SAMPLERS.values())
        found.setdefault("known", []).append(values(dataset, 2, "judge_agreement").median())
    better = "for {} of the 30 flavours on MNIST that have both, and for {} of 30 on Fashion-MNIST"
    said(GENERATION, better, *found["better"])
    said(GENERATION, "distance falls from {:.1f} to {:.1f}, and from {:.1f} to {:.1f}.", *found["medians"])
    said(GENERATION, "(Spearman {} and {} between the two samplers)", *found["order"])
    said(GENERATION, "(median precision {:.0f} % to {:.0f} %, and {:.0f} % to {:.0f} %)", *found["precision"])
    said(GENERATION, "(recall {:.0f} % to {:.0f} %, and {:.0f} % to {:.0f} %)", *found["recall"])
    said(GENERATION, "Spearman {} on MNIST and {} on Fashion-MNIST at 16 latents,", *found["gain 16"])
    said(GENERATION, "latents, {} and {} at two (22 flavours", *found["gain 2"])
    said(GENERATION, "(Spearman {} and {}). At two", *found["likelihood 16"])
    said(GENERATION, "it does so less ({} and {}):", *found["likelihood 2"])
    said(GENERATION, "({:.1f} % and {:.1f} % in the median), and samples", *found["known"])
    said(GENERATION, "in {:.0f} % to {:.0f} % of the cases", min(found["memorisation"]), max(found["memorisation"]))
    assert {f"{values(dataset, 16, 'memorisation', 'prior')['vamp']:.0f}" for dataset in DATASETS} == {"51"}
    assert abs(found["learned"][0]) < 0.1 and found["learned"][1] > 0


def test_a_plain_autoencoder_generates_well() -> None:
    plain = ["ae", "rae_l2", "rae_gp"]
    digits, clothes = (
        values(dataset, 16, "frechet_distance", "gaussian_mixture").sort_values() for dataset in DATASETS
    )
    assert {*clothes.index[:3]} == {*plain} and [*clothes.index[3:5]] == ["swae", "wae_mmd"]
    ends = digits[plain].min(), digits[plain].max(), digits.iloc[0], digits["vae"]
    said(GENERATION, "{:.1f} to {:.1f} on MNIST, where the best is at {:.1f} and VAE at {:.1f},", *ends)
    ends = clothes[plain].min(), clothes[plain].max(), clothes["swae"], clothes["wae_mmd"]
    said(GENERATION, "({:.1f} to {:.1f}), before SWAE and WAE-MMD ({:.1f} and {:.1f})", *ends)
    recall = values("fashion_mnist", 16, "recall", "gaussian_mixture")
    assert {f"{value:.0f}" for value in recall[plain]} == {"31"}
    said(GENERATION, "reach 31 % of the test images where VAE's reach {:.0f} %", recall["vae"])


def test_the_table_of_samples_is_that_of_the_results() -> None:
    page = GENERATION.partition("## Every")[0]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    found = Results(ROOT / "results/reference").summary.query("latent == 16")
    found = found.set_index(["flavour", "dataset", "metric", "part"]).sort_index()
    found["half"] = (found["high"] - found["low"]) / 2
    columns = [("frechet_distance", "prior", 2), ("frechet_distance", "gaussian_mixture", 2), ("nll", "", 1)]
    rows = []
    for flavour, name in TABLED.items():
        rows.append([name])
        for dataset, (metric, part, digits) in itertools.product(DATASETS, columns):
            mean, half = found.loc[(flavour, dataset, metric, part), ["mean", "half"]]
            value = f"{mean:.{digits}f}" + (f" ± {half:.{digits}f}" if round(half, digits) > 0 else "")
            rows[-1].append("—" if math.isnan(mean) else value)
    assert lines[1:] == rows
    halves = [found.xs(("frechet_distance", part), level=(2, 3))["half"].median() for part in SAMPLERS.values()]
    said(GENERATION, "half-width of {:.2f} (prior) and {:.2f} (mixture),", *halves)
    errors = [found.xs(("frechet_distance", part), level=(2, 3))["error"].median() for part in SAMPLERS.values()]
    said(GENERATION, "the jackknife's error over images {:.2f} and {:.2f}.", *errors)


def test_what_frames_the_distances_of_samples() -> None:
    conditions = Results(ROOT / "results/reference").conditions
    judges = [next(cell["judge"] for cell in conditions if cell["dataset"] == dataset) for dataset in DATASETS]
    floors, noises = ([judge[what]["frechet_distance"] for judge in judges] for what in ("floor", "noise"))
    said(
        GENERATION,
        "as samples score {:.1f} on MNIST and {:.1f} on Fashion-MNIST, uniform noise {:.0f} and {:.0f},",
        *floors,
        *noises,
    )
    controls = Results(ROOT / "results/reference").summary.query("flavour == 'mean' and metric == 'frechet_distance'")
    controls = controls.query("latent == 16 and part == 'prior'").set_index("dataset")["mean"]
    said(GENERATION, "the mean image {:.0f} and {:.0f}.", *(controls[dataset] for dataset in DATASETS))
    order, other = (values("mnist", 16, "frechet_distance", part) for part in SAMPLERS.values())
    ends = *order[["sigma_vae", "vae"]], *other[["sigma_vae", "vae"]]
    said(
        GENERATION,
        "by its prior on MNIST, {:.2f} against {:.2f}, and ahead by the mixture, {:.2f} against {:.2f}.",
        *ends,
    )


def test_probes_and_detection_are_those_of_the_results() -> None:
    names = ("neighbour_probe", "logistic_probe", "few_label_probe", "cluster_nmi", "linear_cka", "nll", "mse")
    neighbour, logistic, few, nmi, cka, nll, mse = (
        [values(dataset, 16, name).sort_values(ascending=False) for dataset in DATASETS] for name in names
    )
    best = ranked("reference").query("latent == 16").set_index(["metric", "part", "dataset", "flavour"]).sort_index()
    controls = Results(ROOT / "results/reference").summary.query("latent == 16")
    controls = controls.set_index(["flavour", "metric", "dataset"])["mean"]

    def tied(metric: str) -> list[set[str]]:
        return [{*best.loc[metric, "", dataset].query("standing == 'tied'").index} for dataset in DATASETS]

    def of(found: Sequence[pd.Series], flavour: str) -> list[float]:
        return [each[flavour] for each in found]

    medians = "class of {:.1f} % of the test images of MNIST in the median of all flavours and of {:.1f} % of"
    said(REPRESENTATION, medians, *(found.median() for found in neighbour))
    assert all(found.index[0] == "svae" for found in neighbour)
    said(REPRESENTATION, "SVAE with {:.1f} % and {:.1f} %, is not told from", *of(neighbour, "svae"))
    said(REPRESENTATION, "from {} others on the one and {} on the other", *map(len, tied("neighbour_probe")))
    said(REPRESENTATION, "of the codes gives {:.1f} % and {:.1f} %.", *(found.median() for found in logistic))
    said(
        REPRESENTATION,
        "give {:.1f} % and {:.1f} % by neighbours",
        *(controls["copy", "neighbour_probe", d] for d in DATASETS),
    )
    digits, clothes = (found[["gumbel_vae", "hrq_vae", "fsq_vae"]] for found in neighbour)
    assert all({*found.index[-3:]} == {*digits.index} for found in neighbour)
    assert {f"{value:.0f}" for value in clothes} == {"72"}
    said(REPRESENTATION, "FSQ-VAE: {:.0f} % to {:.0f} %, and 72 %)", digits.min(), digits.max())
    said(REPRESENTATION, "Adversarial-AE ({:.0f} %)", neighbour[0]["adversarial_ae"])
    learned = {"vamp", "flow_prior_vae"}
    assert all({*found.index[:2]} == learned for found in (*logistic, *few))
    assert tied("logistic_probe")[0] == {"flow_prior_vae"} and logistic[0].index[0] == "vamp"
    said(REPRESENTATION, "({:.1f} % and {:.1f} % on MNIST, told there from all", *logistic[0][:2])
    words = ("{:.1f} % (Flow-Prior-VAE) and {:.1f} % on MNIST,", "; {:.1f} % and {:.1f} % on Fashion-MNIST,")
    rest = " where the median is {:.1f} % and the pixels have {:.1f} %"
    for dataset, found, begin in zip(DATASETS, few, words, strict=True):
        numbers = (found["flow_prior_vae"], found["vamp"], found.median(), controls["copy", "few_label_probe", dataset])
        said(REPRESENTATION, begin + rest, *numbers)
    assert all(found.idxmax() == "flow_prior_vae" for found in cka) and tied("linear_cka") == [set(), set()]
    alike = "is {:.2f} on MNIST and {:.2f} on Fashion-MNIST, told from all others, of VAE {:.2f} and {:.2f}."
    said(REPRESENTATION, alike, *of(cka, "flow_prior_vae"), *of(cka, "vae"))
    said(REPRESENTATION, "correlation of {} and {} at 16 latents", *map(spearman, nll, logistic))
    said(REPRESENTATION, "(MSE: {} and {})", *map(spearman, mse, logistic))
    behind, ahead = (found["beta_vae"] - found["vae"] for found in (nll[0], logistic[0]))
    assert (round(behind), round(ahead)) == (10, 1)
    assert [found.index[0] for found in nmi] == ["swae", "msssim_vae"]
    assert {f"{found.iloc[0]:.2f}" for found in nmi} == {"0.58"}
    assert all([*found.index[-2:]] == ["beta_tc_vae", "factor_vae"] for found in nmi)
    said(REPRESENTATION, "({1:.2f} and {0:.2f}, {3:.2f} and {2:.2f})", *nmi[0][-2:], *nmi[1][-2:])
    said(REPRESENTATION, "({:.1f} and {:.1f} nats)", *(controls["mean", "nll", dataset] for dataset in DATASETS))


def test_units_that_weights_switch_off() -> None:
    digits, clothes = (values(dataset, 16, "active_units") for dataset in DATASETS)
    few = ["dip_vae", "beta_tc_vae", "beta_vae", "factor_vae"]
    said(
        REPRESENTATION, "keeps {:.1f} active there, β-TC-VAE {:.1f}, β-VAE {:.1f} and Factor-VAE {:.1f}", *clothes[few]
    )
    said(REPRESENTATION, "on MNIST DIP-VAE {:.1f} and these 15 and more", digits["dip_vae"])
    assert digits[few[1:]].min() >= 15
    assert all((values(dataset, 2, "active_units") == 2).all() for dataset in DATASETS)


def test_a_model_of_clothes_finds_digits_likelier() -> None:
    digits, clothes, rates = (
        [values(dataset, latent, f"auroc_{score}", other) for latent in (16, 2)]
        for dataset, other, score in (
            ("mnist", "fashion_mnist", "elbo"),
            ("fashion_mnist", "mnist", "elbo"),
            ("fashion_mnist", "mnist", "rate"),
        )
    )
    least, most = min(found.min() for found in digits), max(found.max() for found in clothes)
    said(
        REPRESENTATION, "(AUROC {:.1f} % in the median at 16 latents, {:.1f} % at the least", digits[0].median(), least
    )
    medians = "({:.1f} % at 16 latents and {:.1f} % at two in the median, {:.1f} % at the best)"
    said(REPRESENTATION, medians, *(found.median() for found in clothes), most)
    assert most < 50
    for words, score in (
        ("(NLL: {:.1f} %)", "nll"),
        ("alone ({:.1f} %)", "distortion"),
        ("general ({:.1f} %)", "rate"),
    ):
        said(REPRESENTATION, words, values("fashion_mnist", 16, f"auroc_{score}", "mnist").median())
    assert [found.idxmax() for found in rates] == ["vamp", "flow_prior_vae"]
    told = "{:.1f} % with VAMP at 16 latents, {:.1f} % with Flow-Prior-VAE at two"
    said(REPRESENTATION, told, *(found.max() for found in rates))


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


def test_no_distance_of_codes_finds_the_true_factors() -> None:
    text = " ".join(REPRESENTATION.split())
    flavours = results("shapes").query("flavour != 'mean'").groupby(["metric", "part", "flavour"])["value"].mean()

    def over(metric: str, part: str, digits: int = 2, unit: str = "") -> str:
        found = flavours[metric, part]
        return f"{found.min():.{digits}f}{unit} to {found.max():.{digits}f}{unit}"

    told = {kind: over("factor_correlation", f"{kind} pairs") for kind in ("ends", "line", "latent", "untrained")}
    assert f"correlation of {flavours['factor_correlation', 'pixel pairs', 'vae']:.2f} with" in text
    assert f"decoded ends are at {told['ends']} (means" in text
    assert f"lines at {told['line']}, latent distances at {told['latent']}, networks that were not" in text
    assert (
        f"trained at {told['untrained']}. Geodesics are at {over('factor_correlation', 'geodesic pairs')}, but" in text
    )
    assert f"alone, {over('trusted_geodesics', 'geodesic', 0, ' %')}." in text
    assert f"trusted for {over('trusted_geodesics', 'density', 0, ' %')}, stay" in text
    assert f"and are at {over('factor_correlation', 'density pairs')}." in text
    assert (flavours["data_distance", "density"] < flavours["data_distance", "geodesic"]).all()
    agreement = Results(ROOT / "results/shapes").needed("agreement")
    ends = agreement.query("metric == 'mean_spearman' and part == 'ends'")["mean"].dropna()
    assert f"decoded ends: {ends.min():.2f} to {ends.max():.2f})" in text


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


def test_curves_add_nothing_to_decoded_ends() -> None:
    text = " ".join(GEOMETRY.split())
    found = pd.read_csv(ROOT / "results/geometry/tables/agreement.csv")
    rho = found[found["metric"] == "mean_spearman"]
    wide = rho.pivot(index=["dataset", "latent", "flavour"], columns="part", values="mean")
    assert len(wide) == 48
    assert f"for {(wide['ends'] > wide['latent']).sum()} of the 48 cells" in text
    gains = {part: rho[rho["part"] == part] for part in ("line - ends", "geodesic - ends")}
    above, below = (
        {part: int(count) for part, count in counts.items()}
        for counts in (
            {part: (rows["low"] > 0).sum() for part, rows in gains.items()},
            {part: (rows["high"] < 0).sum() for part, rows in gains.items()},
        )
    )
    assert f"above 0 in {above['line - ends']} of the 48, and below 0 in {below['line - ends']}" in text
    assert f"a geodesic's in {above['geodesic - ends']} and {below['geodesic - ends']}" in text
    surely = [rows.query("low > 0")["mean"].max() for rows in gains.values()]
    assert f"The greatest of these gains is {max(surely):.3f}" in text
    medians = pd.concat([*gains.values()]).groupby(["dataset", "latent", "part"])["mean"].median()
    assert f"lie between {medians.min():.3f} and {medians.max():.3f}" in text
    tested = found[found["metric"] == "corrected_p"].groupby("part")["mean"].apply(lambda p: int((p < 0.05).sum()))
    assert (
        f"for {tested['geodesic - latent']} of 48 cells after Holm's correction (lines: {tested['line - latent']})"
        in text
    )
    start = wide["untrained"].groupby(["dataset", "latent"]).median()
    assert f"untrained networks is {start.min():.2f} to {start.max():.2f}" in text
    parts = pd.read_csv(ROOT / "results/geometry/tables/components.csv").query("distance == 'ends'")
    shares = 100 * parts.set_index("component")["share"]
    assert f"{shares['pair'].min():.0f} % to {shares['pair'].max():.0f} % belongs to the pair" in text
    assert f"{shares['flavour:pair'].min():.0f} % to {shares['flavour:pair'].max():.0f} % to the flavour's own" in text


def test_lines_tell_classes_and_geodesics_are_no_nearer_to_data() -> None:
    text = " ".join(GEOMETRY.split())
    found = pd.read_csv(ROOT / "results/geometry/tables/summary.csv", dtype={"part": str}).fillna({"part": ""})
    table = found.pivot(index=["dataset", "latent", "flavour"], columns=["metric", "part"], values="mean")
    separation = table["class_separation"].rename(columns=lambda part: part.removesuffix(" pairs"))
    gain = separation["line"] - separation["ends"]
    median = gain.groupby(level=[0, 1]).median()
    better = (gain > 0).groupby(level=[0, 1]).sum()
    assert f"{better['fashion_mnist'].sum()} of the 24 cells of Fashion-MNIST" in text
    assert f"by {median['fashion_mnist', 2]:.1f} and {median['fashion_mnist', 16]:.1f} points" in text
    assert f"for {better['mnist', 2]} of 12 at two latents and for {better['mnist', 16]} of 12 at 16" in text
    assert f"({(separation['geodesic'] > separation['line']).sum()} of 48 cells)" in text
    neighbours = table["neighbour_accuracy"].groupby(level=[0, 1]).median()
    assert f"by pixels know {neighbours.loc[('mnist', 2), 'pixel']:.1f} % of the classes" in text
    assert (neighbours.loc[("mnist", 2)].drop("pixel").round() == 43).all()
    nearer = table["data_distance"]["geodesic"] < table["data_distance"]["line"]
    assert f"larger along the geodesic in {(~nearer).sum()} of 48 cells" in text
    shorter = table["length_ratio", ""]
    assert f"most for `poincare_vae` on MNIST at 16 latents, {100 * (1 - shorter.min()):.0f} %" in text
    assert shorter.idxmin() == ("mnist", 16, "poincare_vae")
    rows = [
        line.split("|")[1:-1] for line in GEOMETRY.splitlines() if line.startswith(("| MNIST,", "| Fashion-MNIST,"))
    ]
    agreed = pd.read_csv(ROOT / "results/geometry/tables/agreement.csv").query("metric == 'mean_spearman'")
    agreed = agreed.groupby(["dataset", "latent", "part"])["mean"].median()
    told = separation.groupby(level=[0, 1]).median()
    for row, place in zip(
        rows, [("mnist", 2), ("mnist", 16), ("fashion_mnist", 2), ("fashion_mnist", 16)], strict=True
    ):
        expected = [f"{agreed[(*place, kind)]:.3f}" for kind in ("latent", "ends", "line", "geodesic", "untrained")]
        expected += [f"{told.loc[place, kind]:.1f}" for kind in ("latent", "ends", "line", "geodesic", "pixel")]
        assert [cell.strip() for cell in row[1:]] == expected


def test_the_geometry_of_every_flavour() -> None:
    folder = Results(ROOT / "results/reference")
    agreed = folder.needed("agreement").query("metric == 'mean_spearman' and flavour not in @CONTROLS")
    gains = [agreed[agreed["part"] == part] for part in ("line - ends", "geodesic - ends")]
    assert [((rows["low"] > 0).sum(), rows["mean"].notna().sum()) for rows in gains] == [(0, 140), (0, 140)]
    medians = [rows.groupby(["dataset", "latent"])["mean"].median() for rows in gains]
    ends = min(found.min() for found in medians), max(found.max() for found in medians)
    said(GEOMETRY, "with medians of {:.3f} to {:.3f}, and the geodesic", *ends)
    wide = means("reference").pivot(index=["dataset", "latent", "flavour"], columns=["metric", "part"], values="mean")
    distance = wide["data_distance"].dropna(subset=["geodesic", "line"])
    nearer = (distance["geodesic"] < distance["line"]).sum()
    said(GEOMETRY, "nearer to training images than the line in {} of {}.", nearer, len(distance))
    rank = [wide.loc[(dataset, 16), ("effective_rank", "midpoint")].dropna().sort_values() for dataset in DATASETS]
    assert all([*found.index[-2:]] == ["svae", "poincare_vae"] for found in rank)
    assert all([*found.index[:2]] == ["beta_tc_vae", "beta_vae"] for found in rank)
    most = (
        "rank of {:.1f} and {:.1f} on MNIST and of {:.1f} and {:.1f} on Fashion-MNIST, where the median is {:.1f} and "
    )
    most += "{:.1f};"
    said(GEOMETRY, most, *(found.iloc[at] for found in rank for at in (-1, -2)), *(found.median() for found in rank))
    said(
        GEOMETRY,
        "fewest, {:.1f} and {:.1f}, and {:.1f} and {:.1f}.",
        *(found.iloc[at] for found in rank for at in (0, 1)),
    )


def test_metrics_that_know_where_data_are_buy_no_realism() -> None:
    text = " ".join(GEOMETRY.split())
    found = Results(ROOT / "results/uncertainty").summary
    table = found.pivot_table(index=["latent", "flavour"], columns=["metric", "part"], values="mean")
    distance, turning = table["data_distance"], table["turning"]
    others = ["ensemble", "expected", "density"]
    assert [(distance[name] < distance["geodesic"]).sum() for name in others] == [1, 2, 3]
    nearer = {name: distance.index[distance[name] < distance["line"]] for name in others}
    assert [len(cells) for cells in nearer.values()] == [0, 0, 2]
    assert set(nearer["density"].get_level_values("latent")) == {16}
    assert f"differs by {(distance['ensemble'] - distance['geodesic']).abs().max():.4f} at most" in text
    assert all((turning[name] > turning["line"]).all() for name in ("density", "expected"))
    agreed = Results(ROOT / "results/uncertainty").needed("agreement").query("metric == 'mean_spearman'")
    rho = agreed.pivot(index=["latent", "flavour"], columns="part", values="mean")
    assert (rho["density"] < rho["ends"]).all() and (rho["expected"] < rho["ends"]).all()
    least, most = rho.loc[16, "expected"].min(), rho.loc[16, "expected"].max()
    assert f"(ρ {least:.2f} to {most:.2f})" in text
    told = table["class_separation"].loc[16]
    worst = told["expected pairs"]
    assert f"({worst.min():.0f} % to {worst.max():.0f} % against 80 % and more by decoded ends and lines)" in text
    assert told[["ends pairs", "line pairs"]].min(axis=None) > 80


@functools.cache
def ranked(study: str) -> pd.DataFrame:
    """The statistic `best` of a study."""
    found = Results(ROOT / f"results/{study}")
    tables = {"summary": found.summary, "differences": found.needed("differences")}
    return make("best", tables, roles(found.study))[0]


def test_the_best_of_each_question() -> None:
    numbers = {"NLL (nats)": ("nll", "", 1), "MSE": ("mse", "", 4), "SSIM": ("ssim", "", 3)}
    numbers |= {f"Fréchet distance, {name}": ("frechet_distance", part, 2) for name, part in SAMPLERS.items()}
    numbers |= {"neighbour probe (%)": ("neighbour_probe", "", 1)}
    section = FINDINGS.partition("## The best of each question")[2].partition("\n## ")[0]
    lines = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in section.splitlines() if line[:2] == "| "}
    table = ranked("reference")
    blocks = [(name, latent) for name in ("mnist", "fashion_mnist") for latent in sorted(table["latent"].unique())]
    for label, (metric, part, digits) in numbers.items():
        cells = []
        for dataset, latent in blocks:
            block = table[(table["dataset"] == dataset) & (table["latent"] == latent)]
            rows = block[(block["metric"] == metric) & (block["part"] == part)]
            best, others = rows[rows["rank"] == 1].iloc[0], rows[rows["rank"] > 1]
            untold = (others["standing"] == "untold").all()
            told = "–" if untold else f"{(others['standing'] == 'worse').sum()} of {len(others)}"
            cells.append(f"{readable(best['flavour'])} {best['mean']:.{digits}f} ({told})")
        assert [cell.strip() for cell in lines[label]] == cells
        assert "|".join(["", f" {label} ", *lines[label], ""]) in (ROOT / "README.md").read_text().splitlines()


def test_what_a_fifth_of_the_images_says_of_learned_priors() -> None:
    rows = ranked("suite").query("latent == 16 and metric == 'nll'").set_index(["dataset", "flavour"])
    for place, words in {
        ("mnist", "vae"): "VAMP is the likeliest, {:.1f} nats below the VAE on MNIST [{:.1f}, {:.1f}] and",
        ("fashion_mnist", "vae"): "and {:.1f} on Fashion-MNIST [{:.1f}, {:.1f}] (over images)",
        ("mnist", "flow_prior_vae"): "Flow-Prior-VAE {:.1f} nats [{:.1f}, {:.1f}] behind it",
    }.items():
        row = rows.loc[place]
        assert row["against"] == "vamp"
        said(FINDINGS, words, row["difference"], row["low"], row["high"])
    assert rows.loc[("fashion_mnist", "flow_prior_vae"), "standing"] == "tied"


SHARES = [("nll", name) for name in ("dataset", "latent", "flavour")]
SHARES += [(metric, name) for metric in ("mse", "neighbour_probe") for name in ("latent", "flavour")]
PAIRS = [
    (("", "nll"), ("prior", "frechet_distance")),
    (("", "nll"), ("", "mse")),
    (("", "nll"), ("", "logistic_probe")),
    (("prior", "frechet_distance"), ("gaussian_mixture", "frechet_distance")),
]


def made_of(study: str) -> list[float]:
    """Shares of the variance and correlations of metrics in a study."""
    found = Results(ROOT / f"results/{study}")
    shares = make("variance", {"metrics": found.needed("metrics")}, roles(found.study))[0]
    share = shares.set_index(["metric", "component"])["share"]
    table = make("metric_correlation", {"summary": found.summary}, roles(found.study))[0]
    named = {
        frozenset(((row.part, row.metric), (row.other_part, row.other_metric))): row.correlation
        for row in table.itertuples()
    }
    return [*(share[place] for place in SHARES), *(named[frozenset(pair)] for pair in PAIRS)]


def test_what_numbers_are_made_of_and_how_metrics_agree() -> None:
    text = " ".join(FINDINGS.split())
    found = made_of("reference")
    nll, mse, probe = found[:3], found[3:5], found[5:7]
    assert "{:.1%} belongs to the dataset, {:.1%} to the latent size and".format(*nll).replace("%", " %") in text
    assert f"and {100 * nll[2]:.1f} % to the flavour, whatever the rest" in text
    assert f"of MSE {100 * mse[0]:.1f} % to the latent size and {100 * mse[1]:.1f} % to the flavour" in text
    assert f"probe {100 * probe[0]:.1f} % and {100 * probe[1]:.1f} %" in text
    prior, error, logistic, samplers = (f"{value:.2f}" for value in found[7:])
    assert f"correlation of {prior} with the Fréchet" in text
    assert f"{error} with MSE and {logistic} with" in text and f"mixture correlate by {samplers}." in text
    assert found == pytest.approx(made_of("suite"), abs=0.08)


def test_the_reference_so_far() -> None:
    folder = Results(ROOT / "results/reference").held()
    values = folder.summary.query("flavour not in @CONTROLS")
    values = values.set_index(["latent", "dataset", "metric", "part"]).sort_index()
    text, names = " ".join(FINDINGS.split()), style.palette(folder.study.families())
    planned = config.read(ROOT / "config/reference.yaml")
    finished, runs = folder.provenance["runs"]["finished"], len(planned.cells()) * len(planned.seeds)
    assert folder.provenance["runs"] == {"finished": finished, "diverged": 0}
    assert folder.study.cells() == planned.cells()
    for page in (text, " ".join((ROOT / "results/README.md").read_text().split())):
        assert f"{finished} of {runs} runs, none diverged" in page

    def best(dataset: str, metric: str, part: str = "", latent: int = 16) -> pd.Series:
        """Values by flavour, the best first."""
        up = catalogue.declared("metrics", columns.metric_of(metric))["better"] == "higher"
        return (
            values.loc[(latent, dataset, metric, part)]
            .set_index("flavour")["mean"]
            .dropna()
            .sort_values(ascending=not up)
        )

    learned = {name for name, family in folder.study.families().items() if family == "priors"}
    deterministic = {name for name, family in folder.study.families().items() if family == "deterministic"}
    likely = {dataset: best(dataset, "nll") for dataset in ("mnist", "fashion_mnist")}
    assert all({*nll[:4].index} == learned and nll.index[4] == "miwae" for nll in likely.values())
    told = []
    for nll in likely.values():
        gains = nll["vae"] - nll[:4]
        told += [f"{gains.min():.1f} to {gains.max():.1f}", f"{nll['vae']:.1f}"]
    first, base, second, other = told
    assert f"{first} nats below the VAE's {base} on MNIST and {second} below its {other}" in text
    assert f"(MIWAE, {likely['mnist']['miwae']:.1f} and {likely['fashion_mnist']['miwae']:.1f})" in text
    prior = {dataset: best(dataset, "frechet_distance", "prior") for dataset in likely}
    assert all({*distances[:4].index} == learned and distances.index[0] == "vamp" for distances in prior.values())
    mixture = {dataset: best(dataset, "frechet_distance", "gaussian_mixture") for dataset in likely}
    assert mixture["fashion_mnist"].index[0] == "ae" and {*mixture["fashion_mnist"][:5].index} < deterministic
    assert f"({mixture['fashion_mnist'].iloc[0]:.2f}) than any prior ({prior['fashion_mnist'].iloc[0]:.2f})" in text
    assert f"the VAE from {prior['mnist']['vae']:.1f} to {mixture['mnist']['vae']:.1f}" in text
    of_images = ("elbo", "nll", "distortion")
    for latent, words in ((16, "AUROC of more than {:.1f} %, and"), (2, "of two with more than {:.1f} %, where")):
        highest = [best("fashion_mnist", f"auroc_{score}", "mnist", latent).iloc[0] for score in of_images]
        assert words.format(max(highest)) in text
    rates = {latent: best("fashion_mnist", "auroc_rate", "mnist", latent) for latent in (2, 16)}
    told = ", ".join(f"{names[name].name} {value:.1f} %" for name, value in rates[16][:3].items())
    assert f"at 16 latents {told}, at two {names[rates[2].index[0]].name} {rates[2].iloc[0]:.1f} %." in text
    lowest = [
        best("mnist", f"auroc_{score}", "fashion_mnist", latent).iloc[-1] for score in of_images for latent in (2, 16)
    ]
    assert f"{min(lowest):.1f} % and more" in text


def test_what_seeds_leave_standing() -> None:
    text = " ".join(FINDINGS.split())
    rows = ranked("reference").query("latent == 16")
    rows = rows.set_index(["dataset", "part", "metric", "flavour"]).sort_index()
    assert set(rows.dropna(subset="mean")["n"]) == {3}

    def tied(dataset: str, metric: str, part: str = "") -> set[str]:
        return {*rows.loc[dataset, part, metric].query("standing == 'tied'").index}

    leads = []
    for dataset in ("mnist", "fashion_mnist"):
        lead = rows.loc[dataset, "", "nll", "vae"]
        leads.append(f"[{lead['low']:.1f}, {lead['high']:.1f}]")
        assert lead["against"] == "flow_prior_vae" and tied(dataset, "nll") == {"vamp"}
        assert tied(dataset, "frechet_distance", "prior") == set()
    assert f"{leads[0]} nats on MNIST and {leads[1]} on Fashion-MNIST;" in text
    digits, clothes = (tied(dataset, "neighbour_probe") for dataset in ("mnist", "fashion_mnist"))
    assert f"{len(digits)} flavours are not told" in text and f"and {len(clothes)} on Fashion-MNIST, nor" in text
    assert "vae" in digits - clothes
    mixture = tied("mnist", "frechet_distance", "gaussian_mixture")
    assert f"nor {len(mixture)} from the first by a mixture's" in text and "ae" not in mixture


def test_what_longer_training_does() -> None:
    found = Results(ROOT / "results/longer").held()
    planned, reference = (config.read(ROOT / f"config/{name}.yaml") for name in ("longer", "reference"))
    assert found.study.cells() == planned.cells() and found.provenance["runs"] == {"finished": 33, "diverged": 0}
    short = msgspec.structs.replace(planned.training, epochs=reference.training.epochs)
    assert (short, planned.evaluation, planned.samplers) == (
        reference.training, reference.evaluation, reference.samplers
    )  # fmt: skip
    section = FINDINGS.partition("## Longer training")[2].partition("\n## ")[0]
    lines = {line.split("|")[1].strip(): line for line in section.splitlines() if line.startswith("| ")}
    numbers = [("nll", "", 1), ("mse", "", 4), *(("frechet_distance", part, 2) for part in SAMPLERS.values())]
    numbers += [("neighbour_probe", "", 1), ("logistic_probe", "", 1)]
    families, lengths = planned.families(), []
    for place, (metric, part, digits) in enumerate(numbers):
        rows = found.summary.query("metric == @metric and part == @part").set_index("flavour")["mean"].dropna()
        both = pd.DataFrame({"ten": values("mnist", 16, metric, part).reindex(rows.index), "fifty": rows})
        assert both["ten"].notna().all()
        lengths.append(both)
        for flavour in families:
            cell = lines[readable(flavour)].split("|")[2 + place].strip()
            told = [f"{value:.{digits}f}" for value in both.loc[flavour]] if flavour in both.index else []
            assert cell == (" → ".join(told) or "–")
    nll, mse, prior, mixture, neighbours, _ = lengths
    falls = nll["ten"] - nll["fifty"]
    said(section, "NLL falls by {:.1f} to {:.1f} nats,", falls.min(), falls.max())
    said((ROOT / "README.md").read_text(), "lower the NLL by {:.1f} to {:.1f} nats on MNIST", falls.min(), falls.max())
    assert {families[flavour] for flavour in nll["fifty"].nsmallest(4).index} == {"priors"}
    rows = found.summary.query("metric == 'effective_sample_size'").set_index("flavour")["mean"].dropna()
    before = values("mnist", 16, "effective_sample_size")[rows.index]
    words = "{:.1f} to {:.1f} are effective, where at ten epochs {:.1f} to {:.1f} were"
    said(section, words, rows.min(), rows.max(), before.min(), before.max())
    assert {*rows.index} == {*nll.index}
    leads = nll.loc["vae"] - nll
    said(section, "flavour is {:.1f} below the VAE", leads["ten"].max())
    said(section, "of {} flavours have a Spearman correlation of {}.", "eight", spearman(nll["ten"], nll["fifty"]))
    assert len(nll) == 8
    words = "from {:.1f} to {:.1f} nats, VAE-IAF's from {:.1f} to {:.1f}."
    said(section, words, *leads.loc["iwae"], *leads.loc["vae_iaf"])
    orders = [spearman(each["ten"], each["fifty"]) for each in (mse, neighbours)]
    said(section, "by MSE correlate by {}, those by the neighbour probe by {}.", *orders)
    samples = found.summary.query("metric == 'frechet_distance'").set_index(["part", "flavour"])
    samples["half"] = (samples["high"] - samples["low"]) / 2
    ends = [("prior", "vamp"), ("prior", "flow_prior_vae")]
    ends += [("gaussian_mixture", flavour) for flavour in (mixture["fifty"].idxmin(), mixture["fifty"].idxmax())]
    assert prior["fifty"].nsmallest(2).index.tolist() == ["vamp", "flow_prior_vae"]
    told = [value for end in ends for value in samples.loc[end, ["mean", "half"]]]
    words = "VAMP {:.2f} ± {:.2f} and Flow-Prior-VAE {:.2f} ± {:.2f}, mixtures {:.2f} ± {:.2f} to {:.2f} ± {:.2f}, none"
    said(section, words, *told)
    said(section, "the best mixture, {:.2f}, was before VAMP's prior, {:.2f}.", *(
        values("mnist", 16, "frechet_distance", part).min() for part in ("gaussian_mixture", "prior")
    ))  # fmt: skip
    ranks = ranked("longer").set_index(["part", "metric", "flavour"]).sort_index()
    lead, second = (ranks.loc["", "nll", flavour] for flavour in ("vae", "vamp"))
    assert lead["against"] == second["against"] == "flow_prior_vae" and second["standing"] == "worse"
    said(section, "grows to {:.1f} nats [{:.1f}, {:.1f}]", lead["difference"], lead["low"], lead["high"])
    said(section, "told from it now, by {:.1f} [{:.1f}, {:.1f}].", second["difference"], second["low"], second["high"])
    standing = ranks["standing"]
    assert ranks.loc[("", "mse", "sigma_vae"), "rank"] == 5 and standing["", "mse", "sigma_vae"] == "worse"
    said(section, "and {} flavours are not told from the first;", (standing["", "mse"] == "tied").sum())
    codes = standing["", "neighbour_probe"]
    assert codes["vamp"] == "best" and codes.index[codes == "tied"].tolist() == ["iwae"]
    agreed = standing["", "linear_cka"]
    assert agreed["flow_prior_vae"] == "best" and [*agreed.index[agreed == "tied"]] == ["svae", "two_layer_vae"]
    said(FINDINGS, "in linear CKA two flavours are not told from the first.")
    linear = standing["", "logistic_probe"]
    assert linear["flow_prior_vae"] == "best" and [*linear.index[linear == "tied"]] == ["vamp"]
    assert set(standing["gaussian_mixture", "frechet_distance"].dropna()) == {"best", "tied", "missing"}
    epochs = found.needed("compute").query("metric == 'best_epoch'")["value"]
    said(section, "In {} of {} runs the last", (epochs == 50).sum(), len(epochs))


def test_published_values_are_beside_those_of_the_results() -> None:
    found = Results(ROOT / "results/reproduce").held()
    rows = {
        row.row: row
        for row in published.compare(found.summary, msgspec.to_builtins(found.study.published)).itertuples()
    }
    images = dict.fromkeys(("p_vae", "n_vae_grey", "p_vae_2"), "grey MNIST") | {"s_vae": "dynamic MNIST"}
    images |= dict.fromkeys(("vae_static", "pythae_vae"), "static MNIST")
    planned = config.check(document.plain(ROOT / "config/reproduce.yaml")).published
    assert found.study.published == {name: row for name, row in planned.items() if not row.gpu}
    assert rows.keys() == images.keys()
    for name, row in rows.items():
        value = f"{row.value:.2f}" + ("" if math.isnan(row.interval) else f" ± {row.interval:.2f}")
        ours = f"{row.ours:.2f} ± {(row.high - row.low) / 2:.2f} | {row.n} | {row.difference:+.2f} | {row.verdict}"
        assert f"| `{name}` | {images[name]} | {row.latent} | {value} | {ours} | {row.source} |" in REPRODUCE
    seeds = found.needed("metrics").query("metric == 'nll'").set_index(["flavour", "seed"])["value"]
    least, middle, most = sorted(seeds["p_vae_2"])
    said(REPRODUCE, "({:.1f}, {:.1f}, {:.1f})", least, middle, most)
    said(REPRODUCE, "seeds differ by up to {:.1f} nats", most - least)
    assert least > seeds["n_vae_grey"].max() and least > rows["p_vae_2"].value
    sizes = found.summary.query("metric == 'effective_sample_size'").set_index("flavour")["mean"]
    said(REPRODUCE, "sample size of {:.1f}): with K = 5000 the first seed is at 92.22, not {:.2f}", sizes["pythae_vae"],
         seeds["pythae_vae", 0])  # fmt: skip


def test_a_family_wins() -> None:
    found = Results(ROOT / "results/reference")
    names = style.palette(found.study.families())
    table = make("average_ranks", {"summary": found.summary}, roles(found.study))[0].dropna(subset="average_rank")
    numbers = {"NLL": ("", "nll"), "MSE": ("", "mse"), "SSIM": ("", "ssim"), "neighbour probe": ("", "neighbour_probe")}
    numbers |= {f"Fréchet distance, {name}": (part, "frechet_distance") for name, part in SAMPLERS.items()}
    for label, (part, metric) in numbers.items():
        rows = table[(table["part"] == part) & (table["metric"] == metric)].sort_values("average_rank", kind="stable")
        assert set(rows["blocks"]) == {4}
        first = ", ".join(f"{names[row.flavour].name} {row.average_rank:.1f}" for row in rows[:4].itertuples())
        vae = rows.set_index("flavour")["average_rank"]["vae"]
        assert f"| {label} | {first} | {vae:.1f} of {len(rows)} |" in FINDINGS


def test_seeds_reorder_flavours_on_a_plane() -> None:
    found = Results(ROOT / "results/reference")
    table = make("seed_agreement", {"metrics": found.needed("metrics")}, roles(found.study))[0]
    rows = table.query("seeds == 3").set_index(["dataset", "latent", "part", "metric"]).sort_index()
    questions = [("", "nll"), ("prior", "frechet_distance"), ("", "neighbour_probe")]
    alike = {
        (dataset, latent): [rows.loc[(dataset, latent, *question), "correlation"] for question in questions]
        for dataset in DATASETS
        for latent in (2, 16)
    }
    plane = "{:.2f} in NLL, {:.2f} in the Fréchet distance of the prior's samples and {:.2f} in the neighbour probe, "
    plane += "of Fashion-MNIST of {:.2f}, {:.2f} and {:.2f}, in the mean"
    said(FINDINGS, plane, *alike["mnist", 2], *alike["fashion_mnist", 2])
    sixteen = "at 16 latents of {:.2f}, {:.2f} and {:.2f}, and of {:.2f}, {:.2f} and {:.2f}."
    said(FINDINGS, sixteen, *alike["mnist", 16], *alike["fashion_mnist", 16])
    digits, clothes = (rows.loc[(dataset, 2), "firsts"] for dataset in DATASETS)
    assert digits["", "nll"] == "vamp:2 miwae:1"
    assert clothes["", "nll"] == "flow_prior_vae:1 poincare_vae:1 two_layer_vae:1"
    assert {digits[part, "frechet_distance"] for part in SAMPLERS.values()} == {"msssim_vae:3"}
    assert clothes["gaussian_mixture", "frechet_distance"] == "msssim_vae:3"
    assert {clothes["", metric] for metric in ("mse", "ssim")} == {"poincare_vae:3"}
    best = ranked("reference").query("latent == 2").set_index(["dataset", "part", "metric", "flavour"]).sort_index()
    first, second = (best.loc[dataset, "", "nll"] for dataset in DATASETS)
    vae, miwae, other = first.loc["vae"], first.loc["miwae"], second.loc["vae"]
    assert {vae["against"], miwae["against"]} == {"vamp"} and miwae["standing"] == "tied"
    ends = ["difference", "low", "high"]
    said(FINDINGS, "from the VAE by {:.1f} nats [{:.1f}, {:.1f}], and not from MIWAE,", *vae[ends])
    said(FINDINGS, "MIWAE, {:.1f} behind [{:.1f}, {:.1f}].", *miwae[ends])
    told = (first["standing"] == "worse").sum(), (first["rank"] > 1).sum()
    said(FINDINGS, "VAMP is told from {} of {}, from the VAE", *told)
    assert other["against"] == "poincare_vae"
    said(FINDINGS, "Poincare-VAE is told from the VAE by {:.1f} nats [{:.1f}, {:.1f}].", *other[ends])
    for metric in ("nll", "mse", "ssim"):
        assert best.loc["fashion_mnist", "", metric].query("rank == 1").index.item() == "poincare_vae"
    assert {"two_layer_vae", "flow_prior_vae", "vamp"} <= {*second.query("standing == 'tied'").index}
    samples = [best.loc[dataset, "gaussian_mixture", "frechet_distance"] for dataset in DATASETS]
    assert all(set(rows.query("rank > 1").dropna(subset="mean")["standing"]) == {"worse"} for rows in samples)
    distances = [rows.loc[name, "mean"] for name in ("msssim_vae", "vae") for rows in samples]
    said(FINDINGS, "of a mixture {:.2f} and {:.2f}, the VAE's {:.2f} and {:.2f}; told from all", *distances)


def test_in_short() -> None:
    rows = ranked("reference").query("latent == 16").set_index(["dataset", "metric", "part", "flavour"]).sort_index()

    def tied(dataset: str, metric: str, part: str = "") -> list[str]:
        return [*rows.loc[dataset, metric, part].query("standing == 'tied'").sort_values("rank").index]

    leads = [rows.loc[(dataset, "nll", "", "vae"), ["difference", "low", "high"]] for dataset in DATASETS]
    said(FINDINGS, "NLL {:.1f} [{:.1f}, {:.1f}] and {:.1f} [{:.1f}, {:.1f}] nats below", *leads[0], *leads[1])
    assert [tied(dataset, "nll") for dataset in DATASETS] == [["vamp"], ["vamp"]]
    prior = [rows.loc[(dataset, "frechet_distance", "prior")]["mean"] for dataset in DATASETS]
    said(FINDINGS, "{:.2f} and {:.2f}, the VAE's {:.2f} and {:.2f};", *(f[n] for n in ("vamp", "vae") for f in prior))
    digits, clothes = (rows.loc[(d, "frechet_distance", "gaussian_mixture")]["mean"].sort_values() for d in DATASETS)
    others = {dataset: tied(dataset, "frechet_distance", "gaussian_mixture") for dataset in DATASETS}
    assert clothes.index[0] == "ae" and others["fashion_mnist"] == ["rae_gp", "rae_l2"]
    said(FINDINGS, "for digits one of {}", len(others["mnist"]) + 1)
    said(FINDINGS, "| {:.2f} to {:.2f}, told from all others;", clothes.iloc[0], clothes["rae_l2"])
    ends = digits.iloc[0], digits[others["mnist"]].max()
    said(FINDINGS, "on digits {:.2f} to {:.2f} are not told apart", *ends)
    assert tied("mnist", "mse") == [] and len(tied("fashion_mnist", "mse")) == 5
    firsts = [("mnist", "mse", "", "sigma_vae"), ("fashion_mnist", "mse", "", "miwae")]
    firsts += [("fashion_mnist", "ssim", "", "msssim_vae")]
    assert all(rows.loc[place, "rank"] == 1 for place in firsts)
