from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.files import job, read_json, write
    from vaebench.report.differences import compare
    from vaebench.report.summary import gather

    with job(snakemake.input, snakemake.output):
        conditions = [read_json(path) for path in snakemake.input.conditions]
        table = compare(
            gather([snakemake.input.metrics]), snakemake.input.per_image, conditions, snakemake.params.families
        )
        write(snakemake.output[0], table.to_csv(index=False))
