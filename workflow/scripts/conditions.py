from vaebench.errors import reported

with reported(snakemake.log[0]):
    import json

    from vaebench.files import job, read_json, write

    with job(snakemake.input, snakemake.output):
        write(snakemake.output[0], json.dumps([*map(read_json, snakemake.input)], indent=1) + "\n")
