from vaebench.errors import reported

with reported(snakemake.log[0]):
    import json
    from pathlib import Path

    import msgspec

    from vaebench.data.card import card, found
    from vaebench.data.dataset import load
    from vaebench.data.prepare import prepare
    from vaebench.data.sources import Dataset
    from vaebench.files import job, write
    from vaebench.study import catalogue

    with job(snakemake.input, snakemake.output):
        name, dataset = snakemake.wildcards.dataset, msgspec.convert(snakemake.params.dataset, Dataset)
        raw = Path(snakemake.input[0]).parent if snakemake.input else None
        prepare(name, dataset, raw, Path(snakemake.output.data), catalogue.fingerprint("data/prepare.py"))
        facts = card(load(snakemake.output.data))
        write(snakemake.output.card, json.dumps(facts, indent=1))
        print("; ".join(found(facts)))
