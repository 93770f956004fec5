rule aggregate:
    input:
        tables=collect("<results>/evaluations/{cell.path}/{{table}}.csv", cell=CELLS.values()),
        conditions=collect("<results>/evaluations/{cell.path}/conditions.json", cell=CELLS.values()),
    output:
        "<results>/tables/{table}.csv",
    log:
        "<logs>/aggregate/{table}.log",
    benchmark:
        "<benchmarks>/aggregate/{table}.tsv"
    wildcard_constraints:
        table="|".join(MEASURED),
    params:
        code={"code": catalogue.fingerprint("report/summary.py")},
    script:
        "../scripts/aggregate.py"


# Under what conditions each cell was measured, in one file.
rule conditions:
    input:
        collect("<results>/evaluations/{cell.path}/conditions.json", cell=CELLS.values()),
    output:
        "<results>/tables/conditions.json",
    log:
        "<logs>/conditions.log",
    benchmark:
        "<benchmarks>/conditions.tsv"
    script:
        "../scripts/conditions.py"


rule summarise:
    input:
        "<results>/tables/metrics.csv",
    output:
        report(
            "<results>/tables/summary.csv",
            caption="../report/summary.rst",
            category=questions.category("best"),
            labels={"result": "table summary"},
        ),
    log:
        "<logs>/summarise.log",
    benchmark:
        "<benchmarks>/summarise.tsv"
    params:
        code={"code": catalogue.fingerprint("report/summary.py")},
    script:
        "../scripts/summarise.py"


rule differences:
    input:
        metrics="<results>/tables/metrics.csv",
        per_image=collect("<results>/evaluations/{cell.path}/per_image.npz", cell=CELLS.values()),
        conditions=collect("<results>/evaluations/{cell.path}/conditions.json", cell=CELLS.values()),
    output:
        "<results>/tables/differences.csv",
    log:
        "<logs>/differences.log",
    benchmark:
        "<benchmarks>/differences.tsv"
    params:
        families=FAMILIES,
        code={"code": catalogue.fingerprint("report/differences.py")},
    script:
        "../scripts/differences.py"


rule agreement:
    input:
        collect("<results>/evaluations/{cell.path}/distances.csv", cell=CELLS.values()),
    output:
        "<results>/tables/agreement.csv",
    log:
        "<logs>/agreement.log",
    benchmark:
        "<benchmarks>/agreement.tsv"
    params:
        code={"code": catalogue.fingerprint("report/concordance.py")},
    script:
        "../scripts/agreement.py"


rule statistic:
    input:
        unpack(computed_from),
    output:
        csv="<results>/tables/{statistic}.csv",
        markdown="<results>/tables/{statistic}.md",
        html=report(
            "<results>/tables/{statistic}.html",
            caption="../report/statistic.rst",
            category=lambda wildcards: questions.category(
                questions.of_statistic(wildcards.statistic)
            ),
            labels={"result": "statistic {statistic}"},
        ),
    log:
        "<logs>/statistics/{statistic}.log",
    benchmark:
        "<benchmarks>/statistics/{statistic}.tsv"
    wildcard_constraints:
        statistic="|".join(STATISTICS),
    params:
        cells=statistic.roles(study),
        caption=lambda wildcards: catalogue.caption("statistics", wildcards.statistic),
        code=lambda wildcards: {
            "code": catalogue.fingerprint(
                "report/statistic.py",
                catalogue.path_of("statistics", wildcards.statistic),
            )
        },
    script:
        "../scripts/statistic.py"


rule published:
    input:
        "<results>/tables/summary.csv",
    output:
        "<results>/tables/published.csv",
        "<results>/tables/published.md",
        report(
            "<results>/tables/published.html",
            caption="../report/published.rst",
            category=questions.category("likelihood"),
            labels={"result": "published values"},
        ),
    log:
        "<logs>/published.log",
    benchmark:
        "<benchmarks>/published.tsv"
    params:
        claims=msgspec.to_builtins(study.published),
        code={"code": catalogue.fingerprint("report/published.py")},
    script:
        "../scripts/published.py"


# Last of all: it holds the SHA-256 of every file, which `vaebench verify` checks.
rule provenance:
    input:
        runs=collect("<results>/runs/{cell.path}.json", cell=CELLS.values()),
        conditions=collect("<results>/evaluations/{cell.path}/conditions.json", cell=CELLS.values()),
        cards=collect("<data>/{dataset}.json", dataset=DATASETS),
        data=collect("<data>/{dataset}.{form}", dataset=DATASETS, form=["safetensors", "png"]),
        judges=(
            collect(
                "<results>/judges/{dataset}-{seed}.safetensors",
                dataset=study.datasets,
                seed=study.judge.seeds,
            )
            if study.samplers
            else []
        ),
        tables=TABLES,
        figures=FIGURES,
    output:
        report(
            "<results>/provenance.json",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"result": "provenance"},
        ),
    log:
        "<logs>/provenance.log",
    benchmark:
        "<benchmarks>/provenance.tsv"
    params:
        study=msgspec.to_builtins(study),
        command=COMMAND,
        verified=Verified(study.places()["results"]),
        opening=Opening(study.places()["results"]),
    script:
        "../scripts/provenance.py"


# All tables for people in one job: each takes less time than starting Python.
rule tabulate:
    input:
        summary="<results>/tables/summary.csv",
        compute="<results>/tables/compute.csv",
        differences="<results>/tables/differences.csv",
        agreement=["<results>/tables/agreement.csv"] * GEOMETRY,
        conditions="<results>/tables/conditions.json",
    output:
        collect("<results>/tables/{name}.{form}", name=SHOWN, form=["md", "tex"]),
        *[
            report(
                f"<results>/tables/{table}.html",
                caption="../report/table.rst",
                category=questions.category(questions.of_table(table)),
                labels={"result": f"table {table}"},
            )
            for table in SHOWN
        ],
    log:
        "<logs>/tabulate.log",
    benchmark:
        "<benchmarks>/tabulate.tsv"
    params:
        tables=SHOWN,
        families=FAMILIES,
        code={"code": catalogue.fingerprint("report/tables/forms.py", *catalogue.paths("metrics"))},
    script:
        "../scripts/tabulate.py"
