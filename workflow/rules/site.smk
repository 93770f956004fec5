# Pages to explore the study. Whether it is verified they say themselves, hence they are made after its provenance, which
# does not hold them.
rule site:
    input:
        provenance="<results>/provenance.json",
        tables=collect(
            "<results>/tables/{name}.csv",
            name=["metrics", "compute", "summary", "differences", "best"]
            + ["agreement"] * GEOMETRY,
        ),
        galleries=collect("<results>/evaluations/{cell.path}/gallery.npz", cell=CELLS.values()),
        cards=collect("<data>/{dataset}.json", dataset=DATASETS),
        sheets=collect("<data>/{dataset}.png", dataset=DATASETS),
    output:
        directory("<results>/site"),
    log:
        "<logs>/site.log",
    benchmark:
        "<benchmarks>/site.tsv"
    params:
        code={
            "code": catalogue.fingerprint("report/site/build.py", "report/site/pages"),
        },
    script:
        "../scripts/site.py"
