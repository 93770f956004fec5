# What a kind of figures is of, and what it is drawn from, its folder states.
KINDS = {
    kind: {
        name: catalogue.constant("figures", kind, name) for name in ("SCOPE", "INPUTS", "LATENT")
    }
    for kind in catalogue.groups("figures")
}
DRAWN = {
    kind: facts
    for kind, facts in KINDS.items()
    if GEOMETRY or not {"geometry", "distances", "agreement"} & {*facts["INPUTS"]}
}
OF_STUDY, OF_BLOCK = (
    {
        name: kind
        for kind, facts in DRAWN.items()
        if facts["SCOPE"] == scope
        for name in catalogue.names("figures", kind)
    }
    for scope in ("study", "block")
)
FIGURES = [f"<results>/figures/{name}" for name in OF_STUDY] + [
    f"<results>/figures/{name}/{dataset}-{architecture}-z{latent}"
    for name, kind in OF_BLOCK.items()
    for dataset, architecture, latent in BLOCKS
    if DRAWN[kind]["LATENT"] in (None, latent)
]
FIGURES = collect("{figure}.{form}", figure=FIGURES, form=["pdf", "png"])
FILES = {
    "gallery": "<results>/evaluations/{cell.path}/gallery.npz",
    "geometry": "<results>/evaluations/{cell.path}/geometry.npz",
    "distances": "<results>/evaluations/{cell.path}/distances.csv",
    "agreement": "<results>/tables/agreement.csv",
    "summary": "<results>/tables/summary.csv",
    "history": "<results>/tables/history.csv",
}


def drawn_from(wildcards):
    """The files that a figure is drawn from, by what they are: those of its block's cells, and of the study."""
    kind = catalogue.group_of("figures", wildcards.figure)
    cells = block_of(wildcards) if DRAWN[kind]["SCOPE"] == "block" else [None]
    return {
        what: collect(FILES[what], cell=cells) if "{cell" in FILES[what] else FILES[what]
        for what in DRAWN[kind]["INPUTS"]
    }


rule figure_of_study:
    input:
        unpack(drawn_from),
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
        figure="|".join(OF_STUDY),
    params:
        families=FAMILIES,
        flavours=[],
        caption=lambda wildcards: catalogue.caption("figures", wildcards.figure),
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
            category="Figures of one latent size",
            subcategory="{figure}",
            labels={
                "dataset": "{dataset}",
                "architecture": "{architecture}",
                "latent size": "{latent}",
            },
        ),
    log:
        "<logs>/figures/{figure}/<block>.log",
    benchmark:
        "<benchmarks>/figures/{figure}/<block>.tsv"
    wildcard_constraints:
        figure="|".join(OF_BLOCK),
    params:
        families=FAMILIES,
        flavours=lambda wildcards: [cell.flavour for cell in block_of(wildcards)],
        caption=lambda wildcards: catalogue.caption("figures", wildcards.figure),
        code=lambda wildcards: {
            "code": catalogue.fingerprint(
                "report/figures/draw.py", catalogue.path_of("figures", wildcards.figure)
            )
        },
