rule figure:
    input:
        metrics="<results>/tables/metrics.csv",
        history="<results>/tables/history.csv",
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        "<logs>/figures/{figure}.log",
    benchmark:
        "<benchmarks>/figures/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(catalogue.names("figures/summary")),
    conda:
        "../../environment.yml"
    params:
        flavours=FLAVOURS,
        caption=lambda wildcards: catalogue.caption("figures/summary", wildcards.figure),
        code=lambda wildcards: code_of("figures/summary", wildcards.figure),
    script:
        "../scripts/figure.py"


rule gallery:
    input:
        lambda wildcards: collect(
            "<results>/evaluations/{cell.path}/{file}",
            cell=alike(wildcards),
            file=PICTURES[GALLERIES[wildcards.gallery]],
        ),
    output:
        pdf="<results>/figures/{gallery}/{dataset}-{architecture}-z{latent}.pdf",
        png=report(
            "<results>/figures/{gallery}/{dataset}-{architecture}-z{latent}.png",
            caption="../report/gallery.rst",
            category="Galleries",
            subcategory="{gallery}",
            labels={
                "dataset": "{dataset}",
                "architecture": "{architecture}",
                "latent size": "{latent}",
            },
        ),
    log:
        "<logs>/figures/{gallery}/{dataset}-{architecture}-z{latent}.log",
    benchmark:
        "<benchmarks>/figures/{gallery}/{dataset}-{architecture}-z{latent}.tsv"
    wildcard_constraints:
        gallery="|".join(GALLERIES),
    conda:
        "../../environment.yml"
    params:
        kind=lambda wildcards: GALLERIES[wildcards.gallery],
        flavours=FLAVOURS,
        caption=lambda wildcards: catalogue.caption(GALLERIES[wildcards.gallery], wildcards.gallery),
        code=lambda wildcards: code_of(GALLERIES[wildcards.gallery], wildcards.gallery),
    script:
        "../scripts/gallery.py"


rule agreement_figure:
    input:
        "<results>/tables/distances.csv",
    output:
        pdf="<results>/figures/{figure}/{dataset}-{architecture}-z{latent}.pdf",
        png=report(
            "<results>/figures/{figure}/{dataset}-{architecture}-z{latent}.png",
            caption="../report/gallery.rst",
            category="Galleries",
            subcategory="{figure}",
            labels={
                "dataset": "{dataset}",
                "architecture": "{architecture}",
                "latent size": "{latent}",
            },
        ),
    log:
        "<logs>/figures/{figure}/{dataset}-{architecture}-z{latent}.log",
    benchmark:
        "<benchmarks>/figures/{figure}/{dataset}-{architecture}-z{latent}.tsv"
    wildcard_constraints:
        figure="|".join(AGREEMENTS) or "none",
    conda:
        "../../environment.yml"
    params:
        flavours=FLAVOURS,
        caption=lambda wildcards: catalogue.caption("figures/agreement", wildcards.figure),
        code=lambda wildcards: code_of("figures/agreement", wildcards.figure),
    script:
        "../scripts/agreement_figure.py"
