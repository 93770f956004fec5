import json
import tempfile
from pathlib import Path

import msgspec

from vaebench.data.dataset import load
from vaebench.data.prepare import prepare
from vaebench.data.sources import Dataset, Limits
from vaebench.errors import reported
from vaebench.evaluation import judge, reference
from vaebench.files import write
from vaebench.study import catalogue
from vaebench.training import hardware

with reported(snakemake.log[0]), tempfile.TemporaryDirectory() as folder:
    hardware.prepare(snakemake.threads)
    name, seed = snakemake.wildcards.dataset, int(snakemake.wildcards.judge_seed)
    dataset = msgspec.structs.replace(msgspec.convert(snakemake.params.dataset, Dataset), limits=Limits())
    raw = Path(snakemake.input.raw[0]).parent if snakemake.input.raw else None
    whole = Path(folder, "whole.safetensors")
    prepare(name, dataset, raw, whole, catalogue.fingerprint("data/prepare.py"))
    found = judge.train(load(whole), epochs=snakemake.params.epochs["epochs"], seed=seed)
    found.save(snakemake.output.judge)
    card = reference.card(found, load(snakemake.input.data))
    write(snakemake.output.card, json.dumps(card, indent=1))
    print(f"{card['kind']}, accuracy {card['accuracy']}; {card['fault'] or 'no fault'}")
