# What samples are judged by: of each dataset a classifier of all its images, however few the models are trained on.
rule judge:
    input:
        raw=lambda wildcards: collect(
            "<data>/raw/{dataset}/{file}",
            dataset=wildcards.dataset,
            file=dataset_of(wildcards).downloads(wildcards.dataset),
        ),
    output:
        "<results>/judges/{dataset}-{judge_seed}.safetensors",
    log:
        "<logs>/judge/{dataset}-{judge_seed}.log",
    benchmark:
        "<benchmarks>/judge/{dataset}-{judge_seed}.tsv"
    group:
        "judge"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        dataset=lambda wildcards: {
            name: value
            for name, value in msgspec.to_builtins(dataset_of(wildcards)).items()
            if name != "limits"
        },
        files=lambda wildcards: {"files": fingerprint_of(wildcards.dataset)},
        epochs={"epochs": study.judge.epochs},
        device={"device": study.device},
        code={
            "code": catalogue.fingerprint(
                "evaluation/judge.py", "evaluation/judges", "data/prepare.py"
            ),
        },
    script:
        "../scripts/judge.py"


rule reference:
    input:
        judge="<results>/judges/{dataset}-{judge_seed}.safetensors",
        data="<data>/{dataset}.safetensors",
    output:
        report(
            "<results>/judges/{dataset}-{judge_seed}.json",
            caption="../report/judge.rst",
            category="Data",
            labels={"result": "{dataset}: judge {judge_seed}"},
        ),
    log:
        "<logs>/reference/{dataset}-{judge_seed}.log",
    benchmark:
        "<benchmarks>/reference/{dataset}-{judge_seed}.tsv"
    group:
        "judge"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        code={"code": catalogue.fingerprint("evaluation/reference.py")},
    script:
        "../scripts/reference.py"
