from vaebench.errors import reported

with reported(snakemake.log[0]):
    import json
    from pathlib import Path

    from vaebench.files import job, write

    with job(snakemake.input, snakemake.output):
        conditions = [json.loads(Path(path).read_text()) for path in snakemake.input]
        write(snakemake.output[0], json.dumps(conditions, indent=1) + "\n")
