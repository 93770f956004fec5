# All seeds of a cell in one job. The runs are kept beside the manifest and not declared, because Snakemake deletes what
# is declared before a rerun: so an interrupted run resumes, and a new seed trains alone.
rule train:
    input:
        "<data>/{dataset}.safetensors",
    output:
        "<results>/runs/<cell>.json",
    log:
        "<logs>/train/<cell>.log",
    benchmark:
        "<benchmarks>/train/<cell>.tsv"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        store=subpath(output[0], strip_suffix=".json"),
        cell=lambda wildcards: cell_of(wildcards).plain(),
        code=lambda wildcards: {"code": cell_of(wildcards).code},
        seeds={"seeds": study.seeds},
        device={"device": study.device, "pack": study.pack},
    script:
        "../scripts/train.py"
