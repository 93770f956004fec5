rule evaluate:
    input:
        data="<data>/{dataset}.safetensors",
        runs="<results>/runs/{dataset}/{architecture}/{flavour}/z{latent}.json",
    output:
        metrics="<results>/evaluations/{dataset}/{architecture}/{flavour}/z{latent}/metrics.csv",
        history="<results>/evaluations/{dataset}/{architecture}/{flavour}/z{latent}/history.csv",
        compute="<results>/evaluations/{dataset}/{architecture}/{flavour}/z{latent}/compute.csv",
        gallery="<results>/evaluations/{dataset}/{architecture}/{flavour}/z{latent}/gallery.npz",
        facts="<results>/evaluations/{dataset}/{architecture}/{flavour}/z{latent}/facts.json",
    log:
        "<logs>/evaluate/{dataset}/{architecture}/{flavour}/z{latent}.log",
    benchmark:
        "<benchmarks>/evaluate/{dataset}/{architecture}/{flavour}/z{latent}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=4000,
        runtime="2h",
    params:
        cell=lambda wildcards: cell_of(wildcards).describe(),
        settings=lambda wildcards: msgspec.to_builtins(study.evaluation_of(cell_of(wildcards))),
        device=study.device,
        code=catalogue.fingerprint(
            "evaluation.py",
            *[f"metrics/{name}.py" for name in catalogue.names("metrics")],
        ),
    script:
        "../scripts/evaluate.py"
