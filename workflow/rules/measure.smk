# All seeds of a cell in one job. What was measured is kept beside the outputs and not declared: a new metric, or a new
# seed, is measured alone.
rule measure:
    input:
        **(
            {
                "judges": collect(
                    "<results>/judges/{{dataset}}-{seed}.safetensors", seed=study.judge.seeds
                ),
                "judge_card": f"<results>/judges/{{dataset}}-{study.judge.seeds[0]}.json",
            }
            if study.samplers
            else {}
        ),
        data="<data>/{dataset}.safetensors",
        runs="<results>/runs/<cell>.json",
        foreign=lambda wildcards: collect(
            "<data>/{other}.safetensors", other=study.foreign(wildcards.dataset)
        ),
    output:
        **(
            {
                "distances": "<results>/evaluations/<cell>/distances.csv",
                "geometry": "<results>/evaluations/<cell>/geometry.npz",
            }
            if GEOMETRY
            else {}
        ),
        metrics="<results>/evaluations/<cell>/metrics.csv",
        history="<results>/evaluations/<cell>/history.csv",
        compute="<results>/evaluations/<cell>/compute.csv",
        per_image="<results>/evaluations/<cell>/per_image.npz",
        gallery="<results>/evaluations/<cell>/gallery.npz",
        conditions="<results>/evaluations/<cell>/conditions.json",
    log:
        "<logs>/measure/<cell>.log",
    benchmark:
        "<benchmarks>/measure/<cell>.tsv"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        kept=subpath(output.metrics, parent=True),
        cell=lambda wildcards: cell_of(wildcards).plain(),
        evaluation=lambda wildcards: {
            "evaluation": msgspec.to_builtins(study.evaluation_of(cell_of(wildcards)))
        },
        samplers={
            "samplers": {
                label: msgspec.to_builtins(choice) for label, choice in study.drawing().items()
            }
        },
        geometry={"geometry": msgspec.to_builtins(study.geometry)},
        device={"device": study.device},
        code={
            "code": catalogue.fingerprint(
                "evaluation/measure.py",
                "evaluation/survey/pictures.py",
                *(catalogue.path_of("metrics", name) for name in catalogue.names("metrics")),
                *(
                    catalogue.path_of("latent_metrics", name)
                    for name in (study.geometry.metrics if study.geometry else [])
                ),
                *(
                    catalogue.path_of("samplers", choice.name)
                    for choice in study.drawing().values()
                ),
            )
        },
    script:
        "../scripts/measure.py"
