# Every table, figure and page that needs no trained run, from tables that are there: of a study that others have run.
rule paper:
    output:
        directory("<results>/paper"),
    log:
        "<logs>/paper.log",
    benchmark:
        "<benchmarks>/paper.tsv"
    params:
        results=subpath(output[0], parent=True),
        tables=lambda wildcards, output: sha256(
            os.path.join(os.path.dirname(output[0]), "provenance.json")
        ),
        code=lambda wildcards: {
            "code": catalogue.fingerprint(
                "report/paper.py",
                "report/site/pages",
                *catalogue.paths("metrics"),
                *catalogue.paths("statistics"),
                *catalogue.paths("figures"),
            )
        },
    script:
        "../scripts/paper.py"
