from vaebench.errors import reported

with reported(snakemake.log[0]):
    import tempfile
    from pathlib import Path

    import msgspec

    from vaebench.data.dataset import load
    from vaebench.data.prepare import prepare
    from vaebench.data.sources import Dataset
    from vaebench.evaluation import judge
    from vaebench.files import job
    from vaebench.training import hardware

    with job(snakemake.input, snakemake.output), tempfile.TemporaryDirectory() as folder:
        hardware.prepare(snakemake.threads)
        name, seed = snakemake.wildcards.dataset, int(snakemake.wildcards.judge_seed)
        dataset = msgspec.convert(snakemake.params.dataset, Dataset)
        epochs = snakemake.params.epochs["epochs"]
        found = judge.own(name, seed) if epochs is None and dataset.origin(name) != "own" else None
        if found is None:
            raw = Path(snakemake.input.raw[0]).parent if snakemake.input.raw else None
            whole = Path(folder, "whole.safetensors")
            prepare(name, dataset, raw, whole)
            device = hardware.device(snakemake.params.device["device"], own=True)
            found = judge.train(load(whole), epochs=epochs or judge.EPOCHS, seed=seed, device=device)
        found.save(snakemake.output[0])
        print(f"{found.kind}, accuracy {found.accuracy}; {found.fault or 'no fault'}")
