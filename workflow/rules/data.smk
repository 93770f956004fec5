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
        mirror={"mirror": study.mirror},
    script:
        "../scripts/download.py"


# The user's own files are no inputs: their content counts and not their times, and their names may hold braces.
rule prepare:
    input:
        lambda wildcards: collect(
            "<data>/raw/{dataset}/{file}",
            dataset=wildcards.dataset,
            file=dataset_of(wildcards).downloads(wildcards.dataset),
        ),
    output:
        data="<data>/{dataset}.safetensors",
        card=report(
            "<data>/{dataset}.json",
            caption="../report/card.rst",
            category="Data",
            labels={"result": "{dataset}: data card"},
        ),
    log:
        "<logs>/prepare/{dataset}.log",
    benchmark:
        "<benchmarks>/prepare/{dataset}.tsv"
    group:
        "data"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        dataset=lambda wildcards: msgspec.to_builtins(dataset_of(wildcards)),
        files=lambda wildcards: {"files": fingerprint_of(wildcards.dataset)},
        code={"code": catalogue.fingerprint("data/prepare.py", "data/card.py")},
    script:
        "../scripts/prepare.py"


rule sheet:
    input:
        data="<data>/{dataset}.safetensors",
        card="<data>/{dataset}.json",
    output:
        report(
            "<data>/{dataset}.png",
            caption="../report/card.rst",
            category="Data",
            labels={"result": "{dataset}: contact sheet"},
        ),
    log:
        "<logs>/sheet/{dataset}.log",
    benchmark:
        "<benchmarks>/sheet/{dataset}.tsv"
    group:
        "data"
    resources:
        mem_mb=growing(2000),
        runtime=growing(5),
    params:
        code={"code": catalogue.fingerprint("report/figures/sheet.py")},
    script:
        "../scripts/sheet.py"
