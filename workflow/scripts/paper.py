from vaebench.errors import reported

with reported(snakemake.log[0]):
    from pathlib import Path

    from vaebench.report import paper
    from vaebench.report.results import Results

    drawn = paper.make(Results(snakemake.params.results), Path(snakemake.output[0]))
    print(f"{len(drawn)} figures, tables and pages in {snakemake.output[0]}")
