from vaebench.errors import reported

with reported(snakemake.log[0]):
    import json
    from pathlib import Path

    import msgspec

    from vaebench.data.dataset import load
    from vaebench.evaluation import judge
    from vaebench.evaluation.measure import measure
    from vaebench.files import job, read_json, savez, write
    from vaebench.study import tidy
    from vaebench.study.config import Cell, Choice, Evaluation, Geometry
    from vaebench.training import hardware, runs

    TABLES = {
        "metrics": tidy.METRICS,
        "compute": tidy.METRICS,
        "history": [*tidy.RUN, *tidy.HISTORY],
        "distances": tidy.DISTANCES,
    }

    with job(snakemake.input, snakemake.output):
        hardware.prepare(snakemake.threads)
        device = hardware.device(snakemake.params.device["device"], own=True)
        samplers = msgspec.convert(snakemake.params.samplers["samplers"], dict[str, Choice])
        judges = [judge.load(path).to(device) for path in snakemake.input.get("judges", [])]
        found = measure(
            msgspec.convert(snakemake.params.cell, Cell),
            runs.listed(Path(snakemake.input.runs)),
            load(snakemake.input.data),
            msgspec.convert(snakemake.params.evaluation["evaluation"], Evaluation),
            msgspec.convert(snakemake.params.geometry["geometry"], Geometry | None),
            device,
            kept=Path(snakemake.params.kept, "kept"),
            samplers=samplers,
            judges=judges,
            foreign={data.name: data for data in map(load, snakemake.input.foreign)},
        )
        if judges:
            found.conditions["judge"] = read_json(snakemake.input.judge_card)
        for name, path in snakemake.output.items():
            content = getattr(found, name)
            if name == "conditions":
                write(path, json.dumps(content, indent=1))
            elif name in TABLES:
                write(path, tidy.text(content, TABLES[name]))
            else:
                savez(path, content)
        print(found.summary())
