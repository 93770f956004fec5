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
            "<results>/evaluations/{cell.path}/gallery.npz",
            cell=[
                cell
                for cell in CELLS.values()
                if (cell.dataset, cell.architecture, str(cell.latent))
                == (wildcards.dataset, wildcards.architecture, wildcards.latent)
            ],
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
        gallery="|".join(catalogue.names("figures/gallery")),
    conda:
        "../../environment.yml"
    params:
        flavours=FLAVOURS,
        caption=lambda wildcards: catalogue.caption("figures/gallery", wildcards.gallery),
        code=lambda wildcards: code_of("figures/gallery", wildcards.gallery),
    script:
        "../scripts/gallery.py"
