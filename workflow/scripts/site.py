from vaebench.errors import reported

with reported(snakemake.log[0]):
    from pathlib import Path

    from vaebench.files import verified
    from vaebench.report.results import Results
    from vaebench.report.site.build import build

    for path in snakemake.input:
        verified(path)
    results = Path(snakemake.input.provenance).parent
    build(Results(results), Path(snakemake.output[0]), data=Path(snakemake.input.cards[0]).parent)
    print(f"{snakemake.output[0]}/index.html")
