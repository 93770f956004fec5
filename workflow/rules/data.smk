rule download:
    output:
        collect(
            "<data>/raw/{{dataset}}/{file}",
            file=raw_files("mnist"),
        ),
    log:
        "<logs>/download/{dataset}.log",
    benchmark:
        "<benchmarks>/download/{dataset}.tsv"
    retries: 2
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output[0], parent=True),
        mirror=study.mirror,
    script:
        "../scripts/download.py"


rule prepare:
    input:
        lambda wildcards: (
            collect(
                "<data>/raw/{dataset}/{file}",
                dataset=wildcards.dataset,
                file=raw_files(wildcards.dataset),
            )
            if is_downloaded(wildcards)
            else list(filter(None, (dataset_of(wildcards).path, dataset_of(wildcards).labels)))
        ),
    output:
        "<data>/{dataset}.safetensors",
    log:
        "<logs>/prepare/{dataset}.log",
    benchmark:
        "<benchmarks>/prepare/{dataset}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
    params:
        dataset=lambda wildcards: msgspec.to_builtins(dataset_of(wildcards)),
        downloaded=lambda wildcards: bool(is_downloaded(wildcards)),
    script:
        "../scripts/prepare.py"
