import functools
import os
import shlex

import msgspec
from snakemake.exceptions import WorkflowError

from vaebench.data.sources import SOURCES
from vaebench.errors import VaebenchError
from vaebench.files import sha256
from vaebench.report import figures, questions, statistic, terminal
from vaebench.report.alone import alone
from vaebench.report.figures.told import Told
from vaebench.report.opening import Opening
from vaebench.report.tables import columns
from vaebench.report.verification import Verified
from vaebench.study import catalogue
from vaebench.study.config import check
from vaebench.study.document import plain

try:
    for path in workflow.configfiles:
        plain(path)  # refuses a key that stands twice, of which Snakemake has kept the last
    study = check(config)
    CELLS = {cell.path: cell for cell in study.cells()}
    FAMILIES = study.families()
    DATASETS = study.sources()
    for name, dataset in DATASETS.items():
        dataset.located(name)
except VaebenchError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process and workflow.modifier.is_main_snakefile():
    terminal.speak()
if workflow.is_main_process and not workflow.output_settings.dryrun:
    alone(study.places()["results"])

COMMAND = shlex.join(
    ["snakemake", "--cores", "all"]
    + [f"--configfile={os.path.relpath(path)}" for path in workflow.configfiles]
)
GPU = int(study.uses_gpu)
GEOMETRY = study.geometry is not None

# Tables: tidy ones, those for people (a metric's group is its table), and each one's files.
MEASURED = ["metrics", "history", "compute"] + ["distances"] * GEOMETRY
SHOWN = columns.of_study(study)
STATISTICS = statistic.inputs(geometry=GEOMETRY)  # with a page of Markdown each
TIDY = (
    MEASURED
    + ["summary", "differences", *STATISTICS]
    + ["agreement"] * GEOMETRY
    + ["published"] * bool(study.published)
)
FORMS = ["md", "tex", "html"]
TABLES = ["<results>/tables/conditions.json"]
TABLES += collect("<results>/tables/{name}.csv", name=TIDY)
TABLES += collect("<results>/tables/{name}.{form}", name=SHOWN, form=FORMS)
TABLES += collect("<results>/tables/{name}.md", name=STATISTICS)
TABLES += collect("<results>/tables/published.{form}", form=["md", "html"]) * bool(study.published)

# Figures: of the whole study, and of each block of it (what has one dataset, architecture and latent size).
BLOCKS = {(cell.dataset, cell.architecture, cell.latent): [] for cell in CELLS.values()}
for cell in CELLS.values():
    BLOCKS[cell.dataset, cell.architecture, cell.latent].append(cell)

DRAWN = figures.drawn(study)
OF_STUDY, OF_BLOCK = (
    [name for name, facts in DRAWN.items() if facts["SCOPE"] == scope]
    for scope in ("study", "block")
)
FIGURES = collect(
    "<results>/figures/{place}.{form}", place=figures.places(study), form=["pdf", "png"]
)
FILES = {
    "gallery": "<results>/evaluations/{cell.path}/gallery.npz",
    "geometry": "<results>/evaluations/{cell.path}/geometry.npz",
    "distances": "<results>/evaluations/{cell.path}/distances.csv",
    "agreement": "<results>/tables/agreement.csv",
    "metrics": "<results>/tables/metrics.csv",
    "summary": "<results>/tables/summary.csv",
    "differences": "<results>/tables/differences.csv",
    "history": "<results>/tables/history.csv",
    "compute": "<results>/tables/compute.csv",
}
FILES |= {name: f"<results>/tables/{name}.csv" for name in STATISTICS}


wildcard_constraints:
    dataset="|".join(DATASETS),
    architecture="|".join(study.architectures),
    flavour="|".join(FAMILIES),
    latent=r"\d+",
    judge_seed=r"\d+",


def growing(amount):
    """A resource that each attempt is given more of: at first a multiple of the most that benchmark files show."""
    return lambda wildcards, attempt: amount * attempt


def cell_of(wildcards):
    """The cell that a job's wildcards name."""
    return CELLS[
        f"{wildcards.dataset}/{wildcards.architecture}/{wildcards.flavour}/z{wildcards.latent}"
    ]


def dataset_of(wildcards):
    """The configuration of a job's dataset."""
    return DATASETS[wildcards.dataset]


@functools.cache
def fingerprint_of(name):
    """What a dataset is made from, by content; read once in a process."""
    try:
        return DATASETS[name].fingerprint(name)
    except VaebenchError as error:
        raise WorkflowError(str(error)) from None


def block_of(wildcards):
    """The cells of a figure's dataset, architecture and latent size."""
    return BLOCKS[wildcards.dataset, wildcards.architecture, int(wildcards.latent)]


def block_named(wildcards):
    """Dataset, architecture and latent size of a figure; nothing where it is of the study."""
    if wildcards.figure in OF_BLOCK:
        return wildcards.dataset, wildcards.architecture, int(wildcards.latent)


def cells_of(wildcards):
    """The cells that a figure is drawn from one by one: those of its block, none where it is of the study."""
    return block_of(wildcards) if wildcards.figure in OF_BLOCK else []


def computed_from(wildcards):
    """The files that a statistic is computed from, by what they are: tables of the study, or of all cells."""
    return {
        what: (collect(FILES[what], cell=CELLS.values()) if "{cell" in FILES[what] else FILES[what])
        for what in STATISTICS[wildcards.statistic]
    }


def seeds_of(wildcards):
    """Which seeds a figure is of: pictures are those of one."""
    pictures = {"gallery", "geometry"} & {*DRAWN[wildcards.figure]["INPUTS"]}
    return "first seed" if pictures else "seeds"


def drawn_from(wildcards):
    """The files that a figure is drawn from, by what they are: those of its block's cells, and of the study."""
    return {
        what: (
            collect(FILES[what], cell=cells_of(wildcards))
            if "{cell" in FILES[what]
            else FILES[what]
        )
        for what in DRAWN[wildcards.figure]["INPUTS"]
    }
