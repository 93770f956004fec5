from snakemake.utils import min_version

min_version("9.20")


if "datasets" not in config:

    configfile: "config/config.yaml"


pathvars:
    data="<results>/data",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/geometry.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/figures.smk"


localrules:
    all,
    tables,
    figures,
    train_all,
    download,
    aggregate,
    summarise,
    table,
    agreement,
    published,
    provenance,


rule all:
    default_target: True
    input:
        TABLES,
        FIGURES,
        "<results>/provenance.json",


rule train_all:
    input:
        collect("<results>/runs/{cell.path}.json", cell=CELLS.values()),


rule tables:
    input:
        TABLES,


rule figures:
    input:
        FIGURES,
