rule figure_of_study:
    input:
        unpack(drawn_from),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: questions.category(questions.of_figure(wildcards.figure)),
            labels={"result": "figure {figure}"},
        ),
    log:
        "<logs>/figures/{figure}.log",
    benchmark:
        "<benchmarks>/figures/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(OF_STUDY),
    group:
        "figures"
    resources:
        mem_mb=growing(2000),
        runtime=growing(5),
    params:
        families=FAMILIES,
        flavours=lambda wildcards: [cell.flavour for cell in cells_of(wildcards)],
        block=lambda wildcards: block_named(wildcards),
        caption=lambda wildcards: catalogue.caption("figures", wildcards.figure),
        told=lambda wildcards, output: Told(output.png),
        seeds=lambda wildcards: seeds_of(wildcards),
        code=lambda wildcards: {
            "code": catalogue.fingerprint(
                "report/figures/draw.py", catalogue.path_of("figures", wildcards.figure)
            )
        },
    script:
        "../scripts/figure.py"


use rule figure_of_study as figure_of_block with:
    output:
        pdf="<results>/figures/{figure}/<block>.pdf",
        png=report(
            "<results>/figures/{figure}/<block>.png",
            caption="../report/block.rst",
            category=lambda wildcards: questions.category(questions.of_figure(wildcards.figure)),
            subcategory="{figure}",
            labels={"block": "{dataset}, {architecture}, latent size {latent}"},
        ),
    log:
        "<logs>/figures/{figure}/<block>.log",
    benchmark:
        "<benchmarks>/figures/{figure}/<block>.tsv"
    wildcard_constraints:
        figure="|".join(OF_BLOCK),
