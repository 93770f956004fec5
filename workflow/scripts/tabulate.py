from vaebench.errors import reported

with reported(snakemake.log[0]):
    from pathlib import Path

    from vaebench.files import job, read_json, write
    from vaebench.report.summary import gather, summarise, whole
    from vaebench.report.tables.forms import forms
    from vaebench.report.tables.shown import Results

    with job(snakemake.input, snakemake.output):
        results = Results(
            snakemake.params.families,
            read_json(snakemake.input.conditions),
            summary=gather([snakemake.input.summary]),
            compute=summarise(whole(gather([snakemake.input.compute]))),
            differences=gather([snakemake.input.differences]),
            agreement=gather(snakemake.input.agreement) if snakemake.input.agreement else None,
        )
        folder = Path(snakemake.output[0]).parent
        for table in snakemake.params.tables:
            for form, text in forms(results, table).items():
                write(folder / f"{table}.{form}", text)
