from vaebench.errors import reported

with reported(snakemake.log[0]):
    from pathlib import Path

    from vaebench.files import write
    from vaebench.report import provenance

    inputs, output = snakemake.input, Path(snakemake.output[0])
    raw = [file for card in map(Path, inputs.cards) for file in (card.parent / "raw" / card.stem).rglob("*")]
    files = provenance.chain(output.parent, [*inputs, *raw])
    document = provenance.collect(
        snakemake.params.study, inputs.runs, inputs.conditions, inputs.cards, files, snakemake.params.command
    )
    write(output, document)
    print(f"{len(files)} files")
