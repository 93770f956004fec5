from vaebench.errors import reported

with reported(snakemake.log[0]):
    from pathlib import Path

    import msgspec

    from vaebench.data.dataset import load
    from vaebench.files import job, write
    from vaebench.study.config import Cell
    from vaebench.training import hardware, runs

    with job(snakemake.input, snakemake.output):
        hardware.prepare(snakemake.threads)
        cell = msgspec.convert(snakemake.params.cell, Cell)
        folders = runs.train(
            cell,
            snakemake.params.seeds["seeds"],
            load(snakemake.input[0]),
            Path(snakemake.params.store),
            device=hardware.device(snakemake.params.device["device"], own=True),
            pack=snakemake.params.device["pack"],
            replace=True,
        )
        write(snakemake.output[0], runs.manifest(cell, folders))
        print(runs.summary([runs.record(folder) for folder in folders]))
