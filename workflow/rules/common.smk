import msgspec
from snakemake.exceptions import WorkflowError

from vaebench import catalogue
from vaebench.config import Dataset, check
from vaebench.data.sources import raw_files
from vaebench.errors import VaebenchError

try:
    study = check(config)
except VaebenchError as error:
    raise WorkflowError(str(error)) from None

GPU = int(study.uses_gpu)
CELLS = {cell.path: cell for cell in study.cells()}
FLAVOURS = list(dict.fromkeys(cell.flavour for cell in CELLS.values()))
TABLE_NAMES = ["likelihood", "reconstruction", "latent", "compute"]
TABLES = collect(
    "<results>/tables/{name}",
    name=["metrics.csv", "summary.csv", "history.csv", "compute.csv"]
    + [f"{table}.{kind}" for table in TABLE_NAMES for kind in ("md", "tex", "html")]
    + ["published.csv", "published.md"] * bool(study.published),
)
FIGURES = collect(
    "<results>/figures/{name}.{kind}",
    name=catalogue.names("figures/summary"),
    kind=["pdf", "png"],
) + collect(
    "<results>/figures/{name}/{cell.dataset}-{cell.architecture}-z{cell.latent}.{kind}",
    name=catalogue.names("figures/gallery"),
    cell=CELLS.values(),
    kind=["pdf", "png"],
)
FIGURES = list(dict.fromkeys(FIGURES))


wildcard_constraints:
    dataset="|".join(study.datasets),
    architecture="|".join(study.architectures),
    flavour="|".join(FLAVOURS),
    latent=r"\d+",


def cell_of(wildcards):
    """The cell that a job's wildcards name."""
    return CELLS[
        f"{wildcards.dataset}/{wildcards.architecture}/{wildcards.flavour}/z{wildcards.latent}"
    ]


def dataset_of(wildcards):
    """The configuration of a job's dataset."""
    return study.datasets[wildcards.dataset] or Dataset()


def is_downloaded(wildcards):
    """Whether a job's dataset comes from the net."""
    return dataset_of(wildcards).path is None and raw_files(wildcards.dataset)


def code_of(kind, name):
    """Fingerprint of one table's or figure's code."""
    return catalogue.fingerprint(f"{kind}/{name}.py")
