"""The pages of findings against the tables that they are about: what they state is what the committed results say."""

from __future__ import annotations

import functools
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
from vaebench.study import catalogue, config
from vaebench.study.naming import readable

ROOT = Path(__file__).parents[1]
PAGES = ("generation", "representation", "geometry", "findings", "reproduce")
GENERATION, REPRESENTATION, GEOMETRY, FINDINGS, REPRODUCE = ((ROOT / f"docs/{name}.md").read_text() for name in PAGES)
CONTROLS = ["copy", "mean"]
SAMPLERS = {"prior": "prior", "mixture": "gaussian_mixture"}


def results(study: str) -> pd.DataFrame:
    """The committed values of a study."""
    return Results(ROOT / f"results/{study}").needed("metrics")


@pytest.fixture(scope="module")
def suite() -> pd.DataFrame:
    return results("suite")


def values(suite: pd.DataFrame, dataset: str, latent: int, metric: str, part: str = "") -> pd.Series:
    """Of the flavours that have one, controls aside."""
    rows = suite.query("dataset == @dataset and latent == @latent and metric == @metric and part == @part")
    return rows[~rows["flavour"].isin(CONTROLS)].set_index("flavour")["value"].dropna()


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


@pytest.mark.parametrize(
    ("study", "heading"), [("suite", "The best of each question"), ("reference", "The reference, so far")]
)
def test_the_best_of_each_question(study: str, heading: str) -> None:
    numbers = {"NLL (nats)": ("nll", "", 1), "MSE": ("mse", "", 4), "SSIM": ("ssim", "", 3)}
    numbers |= {f"Fréchet distance, {name}": ("frechet_distance", part, 2) for name, part in SAMPLERS.items()}
    numbers |= {"neighbour probe (%)": ("neighbour_probe", "", 1)}
    section = FINDINGS.partition(f"## {heading}")[2].partition("\n## ")[0]
    lines = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in section.splitlines() if line[:2] == "| "}
    table = ranked(study)
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


def test_what_a_learned_prior_buys() -> None:
    text = " ".join(FINDINGS.split())
    rows = ranked("suite").query("latent == 16 and metric == 'nll'").set_index(["dataset", "flavour"])
    for place, words in {
        ("mnist", "vae"): "{0:.1f} nats on MNIST [{1:.1f}, {2:.1f}]",
        ("fashion_mnist", "vae"): "by {0:.1f} on Fashion-MNIST [{1:.1f}, {2:.1f}]",
        ("mnist", "flow_prior_vae"): "Flow-Prior-VAE is {0:.1f} nats [{1:.1f}, {2:.1f}] behind",
    }.items():
        row = rows.loc[place]
        assert row["against"] == "vamp"
        assert words.format(row["difference"], row["low"], row["high"]) in text
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


def test_published_values_are_beside_those_of_the_results() -> None:
    found = Results(ROOT / "results/reproduce").held()
    [row] = published.compare(found.summary, msgspec.to_builtins(found.study.published)).itertuples()
    ours = f"{row.ours:.2f} ± {(row.high - row.low) / 2:.2f} | {row.n} | {row.difference:+.2f} | {row.verdict}"
    assert f"| `{row.row}` | static MNIST | {row.latent} | {row.value:.2f} | {ours} | {row.source} |" in REPRODUCE


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
    text = " ".join(FINDINGS.split())
    found = Results(ROOT / "results/reference")
    table = make("seed_agreement", {"metrics": found.needed("metrics")}, roles(found.study))[0]
    rows = table.query("dataset == 'mnist' and seeds == 3").set_index(["latent", "part", "metric"]).sort_index()
    questions = [("", "nll"), ("prior", "frechet_distance"), ("", "neighbour_probe")]
    alike = {
        latent: [f"{rows.loc[(latent, *question), 'correlation']:.2f}" for question in questions] for latent in (2, 16)
    }
    assert "{} in NLL, {} in the Fréchet distance of the prior's samples and {} in".format(*alike[2]) in text
    assert "at 16 latents of {}, {} and {}.".format(*alike[16]) in text
    firsts = rows.loc[2, "firsts"]
    assert firsts["", "nll"] == "vamp:2 miwae:1"
    assert {firsts[part, "frechet_distance"] for part in SAMPLERS.values()} == {"msssim_vae:3"}
    best = ranked("reference").query("latent == 2").set_index(["dataset", "part", "metric", "flavour"]).sort_index()
    nll = best.loc["mnist", "", "nll"]
    vae, miwae = nll.loc["vae"], nll.loc["miwae"]
    assert {vae["against"], miwae["against"]} == {"vamp"} and miwae["standing"] == "tied"
    assert f"from the VAE by {vae['difference']:.1f} nats [{vae['low']:.1f}, {vae['high']:.1f}], and not" in text
    assert f"MIWAE, {miwae['difference']:.1f} behind [{miwae['low']:.1f}, {miwae['high']:.1f}]." in text
    assert f"from {(nll['standing'] == 'worse').sum()} of {(nll['rank'] > 1).sum()}, from the VAE" in text
    mixture = best.loc["mnist", "gaussian_mixture", "frechet_distance"].query("rank > 1")
    assert set(mixture["standing"]) == {"worse"}
    for metric in ("nll", "mse", "ssim"):
        assert best.loc["fashion_mnist", "", metric].query("rank == 1").index.item() == "poincare_vae"
