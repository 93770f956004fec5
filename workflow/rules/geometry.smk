# The latent geometry of all seeds of a cell in one job.
rule survey:
    input:
        data="<data>/{dataset}.safetensors",
        runs="<results>/runs/{dataset}/{architecture}/{flavour}/z{latent}.json",
    output:
        metrics="<results>/evaluations/{dataset}/{architecture}/{flavour}/z{latent}/geometry.csv",
        distances="<results>/evaluations/{dataset}/{architecture}/{flavour}/z{latent}/distances.csv",
        pictures="<results>/evaluations/{dataset}/{architecture}/{flavour}/z{latent}/geometry.npz",
    log:
        "<logs>/survey/{dataset}/{architecture}/{flavour}/z{latent}.log",
    benchmark:
        "<benchmarks>/survey/{dataset}/{architecture}/{flavour}/z{latent}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=4000,
        runtime="2h",
    params:
        cell=lambda wildcards: cell_of(wildcards).describe(),
        settings=msgspec.to_builtins(study.geometry),
        device=study.device,
        code=catalogue.fingerprint(
            "survey.py",
            *[f"metrics/geometry/{name}.py" for name in catalogue.names("metrics/geometry")],
        ),
    script:
        "../scripts/survey.py"


rule agreement:
    input:
        "<results>/tables/distances.csv",
    output:
        csv="<results>/tables/agreement.csv",
        markdown="<results>/tables/agreement.md",
        latex="<results>/tables/agreement.tex",
        html=report(
            "<results>/tables/agreement.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "agreement", "form": "HTML"},
        ),
    log:
        "<logs>/tables/agreement.log",
    benchmark:
        "<benchmarks>/tables/agreement.tsv"
    conda:
        "../../environment.yml"
    params:
        code=catalogue.fingerprint("concordance.py", "tables.py"),
    script:
        "../scripts/agreement.py"
