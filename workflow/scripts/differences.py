from vaebench.errors import reported

with reported(snakemake.log[0]):
    import json
    from pathlib import Path

    from vaebench.files import job, write
    from vaebench.report.differences import compare
    from vaebench.report.summary import gather

    with job(snakemake.input, snakemake.output):
        conditions = [json.loads(Path(path).read_text()) for path in snakemake.input.conditions]
        table = compare(
            gather([snakemake.input.metrics]), snakemake.input.per_image, conditions, snakemake.params.families
        )
        write(snakemake.output[0], table.to_csv(index=False))
