from vaebench.errors import reported

with reported(snakemake.log[0]):
    from pathlib import Path

    from vaebench.data.download import fetch
    from vaebench.files import job

    with job(snakemake.input, snakemake.output):
        fetch(snakemake.wildcards.dataset, Path(snakemake.output[0]), snakemake.params.mirror["mirror"])
