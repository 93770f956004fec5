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
GEOMETRY_TABLES = ["geometry", "curvature", "interpolation", "neighbourhood"] * bool(study.geometry)
ROWS = ["metrics", "history", "compute"] + ["geometry", "distances"] * bool(study.geometry)
TABLES = collect(
    "<results>/tables/{name}",
    name=[f"{table}.csv" for table in ROWS + ["summary"]]
    + [
        f"{table}.{kind}"
        for table in TABLE_NAMES + GEOMETRY_TABLES + ["agreement"] * bool(study.geometry)
        for kind in ("md", "tex", "html")
    ]
    + ["agreement.csv"] * bool(study.geometry)
    + ["published.csv", "published.md"] * bool(study.published),
)

# What the figures of one dataset, architecture and latent size are drawn from, by kind.
PICTURES = {"figures/gallery": "gallery.npz"}
if study.geometry:
    PICTURES |= {"figures/geometry": "geometry.npz", "figures/plane": "geometry.npz"}
GALLERIES = {name: kind for kind in PICTURES for name in catalogue.names(kind)}
AGREEMENTS = catalogue.names("figures/agreement") if study.geometry else []
FIGURES = [f"<results>/figures/{name}" for name in catalogue.names("figures/summary")]
FIGURES += [
    f"<results>/figures/{name}/{cell.dataset}-{cell.architecture}-z{cell.latent}"
    for name in [*GALLERIES, *AGREEMENTS]
    for cell in CELLS.values()
    if GALLERIES.get(name) != "figures/plane" or cell.latent == 2
]
FIGURES = [f"{name}.{kind}" for name in dict.fromkeys(FIGURES) for kind in ("pdf", "png")]


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


def alike(wildcards):
    """The cells of a figure's dataset, architecture and latent size."""
    place = wildcards.dataset, wildcards.architecture, wildcards.latent
    return [
        cell
        for cell in CELLS.values()
        if (cell.dataset, cell.architecture, str(cell.latent)) == place
    ]


def code_of(kind, name):
    """Fingerprint of one table's or figure's code."""
    return catalogue.fingerprint(f"{kind}/{name}.py")
