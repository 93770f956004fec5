rule aggregate:
    input:
        collect("<results>/evaluations/{cell.path}/{{table}}.csv", cell=CELLS.values()),
    output:
        "<results>/tables/{table}.csv",
    log:
        "<logs>/aggregate/{table}.log",
    benchmark:
        "<benchmarks>/aggregate/{table}.tsv"
    wildcard_constraints:
        table="|".join(ROWS),
    conda:
        "../../environment.yml"
    params:
        code=catalogue.fingerprint("tables.py"),
    script:
        "../scripts/aggregate.py"


rule summarise:
    input:
        "<results>/tables/metrics.csv",
        ["<results>/tables/geometry.csv"] * bool(study.geometry),
    output:
        report(
            "<results>/tables/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "summary", "form": "CSV"},
        ),
    log:
        "<logs>/summarise.log",
    benchmark:
        "<benchmarks>/summarise.tsv"
    conda:
        "../../environment.yml"
    params:
        code=catalogue.fingerprint("tables.py"),
    script:
        "../scripts/summarise.py"


rule table:
    input:
        rows=lambda wildcards: "<results>/tables/{}.csv".format(
            "compute"
            if wildcards.table == "compute"
            else "geometry" if wildcards.table in GEOMETRY_TABLES else "metrics"
        ),
        facts=collect("<results>/evaluations/{cell.path}/facts.json", cell=CELLS.values()),
    output:
        markdown="<results>/tables/{table}.md",
        latex="<results>/tables/{table}.tex",
        html=report(
            "<results>/tables/{table}.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}", "form": "HTML"},
        ),
    log:
        "<logs>/tables/{table}.log",
    benchmark:
        "<benchmarks>/tables/{table}.tsv"
    wildcard_constraints:
        table="|".join(TABLE_NAMES + GEOMETRY_TABLES),
    conda:
        "../../environment.yml"
    params:
        seeds=len(study.seeds),
        geometry=lambda wildcards: (
            msgspec.to_builtins(study.geometry) if wildcards.table in GEOMETRY_TABLES else None
        ),
        code=catalogue.fingerprint(
            "tables.py",
            *[f"metrics/{name}.py" for name in catalogue.names("metrics")],
            *[f"metrics/geometry/{name}.py" for name in catalogue.names("metrics/geometry")],
        ),
    script:
        "../scripts/table.py"


rule published:
    input:
        "<results>/tables/metrics.csv",
    output:
        csv="<results>/tables/published.csv",
        markdown="<results>/tables/published.md",
    log:
        "<logs>/tables/published.log",
    benchmark:
        "<benchmarks>/tables/published.tsv"
    conda:
        "../../environment.yml"
    params:
        claims=msgspec.to_builtins(study.published),
        code=catalogue.fingerprint("published.py", "tables.py"),
    script:
        "../scripts/published.py"


rule provenance:
    input:
        runs=collect("<results>/runs/{cell.path}.json", cell=CELLS.values()),
        facts=collect("<results>/evaluations/{cell.path}/facts.json", cell=CELLS.values()),
    output:
        report(
            "<results>/provenance.json",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"table": "provenance", "form": "JSON"},
        ),
    log:
        "<logs>/provenance.log",
    benchmark:
        "<benchmarks>/provenance.tsv"
    conda:
        "../../environment.yml"
    params:
        study=msgspec.to_builtins(study),
    script:
        "../scripts/provenance.py"
