rule download:
    output:
        "<data>/raw/{dataset}/{file}",
    log:
        "<logs>/download/{dataset}/{file}.log",
    benchmark:
        "<benchmarks>/download/{dataset}/{file}.tsv"
    wildcard_constraints:
        dataset="|".join(SOURCES),
        file="[^/]+",
    retries: 2
    params:
        mirror=study.mirror,
    script:
        "../scripts/download.py"


rule prepare:
    input:
        lambda wildcards: collect(
            (
                "<data>/raw/{dataset}/{file}"
                if dataset_of(wildcards).origin(wildcards.dataset) == "public"
                else "{file}"
            ),
            dataset=wildcards.dataset,
            file=dataset_of(wildcards).files(wildcards.dataset),
        ),
    output:
        "<data>/{dataset}.safetensors",
    log:
        "<logs>/prepare/{dataset}.log",
    benchmark:
        "<benchmarks>/prepare/{dataset}.tsv"
    resources:
        mem_mb=2000,
    params:
        dataset=lambda wildcards: msgspec.to_builtins(dataset_of(wildcards)),
    script:
        "../scripts/prepare.py"
