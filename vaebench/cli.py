"""The command line: list what there is, check a configuration, train and evaluate single runs, ask results."""

from __future__ import annotations

import argparse
import ast
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from vaebench.errors import Interrupted, VaebenchError, interruptible
from vaebench.study import catalogue, config


def main(arguments: list[str] | None = None) -> None:
    """Run a command; bad input ends it with one line on standard error and exit status 1."""
    parser = argparse.ArgumentParser(prog="vaebench", description="Every variational autoencoder, one bench.")
    commands = parser.add_subparsers(dest="command", required=True)

    listing = commands.add_parser("list", help="what there is to choose from, with hyperparameters and ranges")
    listing.add_argument(
        "kind", nargs="?", default="flavours", choices=["flavours", "likelihoods", "networks", "samplers", "metrics"]
    )
    listing.set_defaults(action=_list)

    checking = commands.add_parser("check", help="check a configuration file, its data and that its models can train")
    checking.add_argument("config", type=Path)
    checking.set_defaults(action=_check)

    schema = commands.add_parser("schema", help="the JSON schema of configuration files, for editors")
    schema.set_defaults(action=_schema)

    training = commands.add_parser("train", help="train one flavour at one latent size, one folder per seed")
    training.add_argument("dataset", help="mnist, fashion_mnist, digits, shapes, or any name with --path")
    training.add_argument("flavour")
    training.add_argument("--path", help="the user's own images: .npy, .npz, .csv, IDX or a folder")
    training.add_argument("--latent", type=_count, required=True)
    training.add_argument("--seeds", type=int, nargs="+", default=[0])
    training.add_argument("--network", default="mlp")
    training.add_argument("--likelihood", default="bernoulli")
    training.add_argument("--convention", default="dynamic")
    training.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="hyperparameters of the flavour")
    training.add_argument("--network-set", nargs="+", default=[], metavar="NAME=VALUE")
    training.add_argument("--likelihood-set", nargs="+", default=[], metavar="NAME=VALUE")
    training.add_argument(
        "--training", nargs="+", default=[], metavar="NAME=VALUE", help="epochs, batch_size, learning_rate..."
    )
    training.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    training.add_argument("--threads", type=_count, default=1)
    training.add_argument("--data", type=Path, default=Path("data"), help="folder of prepared datasets")
    training.add_argument("--output", type=Path, required=True, help="folder of the runs")
    training.add_argument("--replace", action="store_true", help="train anew where another configuration has been")
    training.set_defaults(action=_train)

    evaluating = commands.add_parser("evaluate", help="measure one trained run on its test set, as JSON")
    evaluating.add_argument("run", type=Path, help="a run's folder, such as output/seed0")
    evaluating.add_argument("--importance-samples", type=_count, default=500)
    evaluating.add_argument("--importance-images", type=_count, default=1000)
    evaluating.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    evaluating.add_argument("--data", type=Path, default=Path("data"), help="folder of prepared datasets")
    evaluating.set_defaults(action=_evaluate)

    encoding = commands.add_parser("encode", help="codes of images by a trained run, as .csv or .npz")
    encoding.add_argument("run", type=Path, help="a run's folder, such as output/seed0")
    encoding.add_argument("images", type=Path, help=".npy, .npz, .csv, IDX or a folder of images")
    encoding.add_argument("--output", type=Path, required=True, help="codes.csv or codes.npz")
    encoding.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    encoding.set_defaults(action=_encode)

    sampling = commands.add_parser("sample", help="draw images from a trained run, as a picture")
    sampling.add_argument("run", type=Path, help="a run's folder, such as output/seed0")
    sampling.add_argument("--sampler", default="prior", help="one of `vaebench list samplers`")
    sampling.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the sampler")
    sampling.add_argument("--count", type=_count, default=64)
    sampling.add_argument("--seed", type=int, default=0)
    sampling.add_argument("--output", type=Path, required=True, help="grid.png, or images.npz")
    sampling.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    sampling.add_argument("--data", type=Path, default=Path("data"), help="folder of prepared datasets")
    sampling.set_defaults(action=_sample)

    ranking = commands.add_parser(
        "rank", help="which flavour of a study is best at a metric, and is it told from the rest"
    )
    ranking.add_argument("results", type=Path, help="a folder of results, such as results/demo")
    ranking.add_argument("--metric", required=True, help="one with a better direction, such as ssim")
    ranking.add_argument("--dataset", help="of one dataset alone; likewise the rest")
    ranking.add_argument("--architecture")
    ranking.add_argument("--latent", type=_count)
    ranking.add_argument("--part", help="sampler, foreign dataset or kind of curve")
    ranking.set_defaults(action=_rank)

    comparing = commands.add_parser(
        "compare", help="does a study agree with a reference; status 1 if a number differs or none agrees"
    )
    comparing.add_argument("results", type=Path, help="a folder of results, such as results/demo")
    comparing.add_argument("reference", type=Path, help="another one, such as results/reference")
    comparing.add_argument("--level", type=_share, default=0.95, help="of the intervals of prediction")
    comparing.add_argument("--output", type=Path, help="verdicts.csv: a row for each cell and metric")
    comparing.set_defaults(action=_compare)

    verifying = commands.add_parser("verify", help="check every file of a study's results against its provenance")
    verifying.add_argument("results", type=Path, help="the folder that holds provenance.json, such as results/demo")
    verifying.set_defaults(action=_verify)

    publishing = commands.add_parser(
        "publish", help="what to commit of studies: compressed tables and what they came from, of several as one"
    )
    publishing.add_argument(
        "results", type=Path, nargs="+", help="folders of results, of a block the last one's counts"
    )
    publishing.add_argument("--into", type=Path, required=True, help="such as results/reference")
    publishing.set_defaults(action=_publish)

    options = parser.parse_args(arguments)
    try:
        with interruptible():
            options.action(options)
            sys.stdout.flush()
    except (VaebenchError, Interrupted) as error:
        sys.exit(f"vaebench: {error}")
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _list(options: argparse.Namespace) -> None:
    for group, names in catalogue.groups(options.kind).items():
        if group:
            print(f"[{group}] {catalogue.title(options.kind, group)}")
        for name in names:
            print(f"{name}: {catalogue.caption(options.kind, name)}")
            if options.kind == "metrics":
                print(f"    {_facts(catalogue.declared('metrics', name))}")
            for key, hyperparameter in catalogue.hyperparameters(options.kind, name).items():
                print(f"    {key} = {hyperparameter.default}  ({hyperparameter.range})")


def _facts(metric: dict[str, Any]) -> str:
    """What a metric declares, in one line."""
    ends = f"[{metric.get('least', '-∞')}, {metric.get('most', '∞')}]"
    direction = {"higher": "higher is better", "lower": "lower is better"}.get(metric["better"], "no better direction")
    said = [metric["unit"] or "no unit", ends, direction]
    said += [f"{end} for {metric[end]}" for end in ("best", "worst") if metric.get(end)]
    said += ["tier: thorough"] if metric.get("tier") == "thorough" else []
    return "; ".join(said)


def _check(options: argparse.Namespace) -> None:
    from vaebench.data.card import card, lines
    from vaebench.data.preview import preview, stand_in
    from vaebench.evaluation import room
    from vaebench.training import hardware
    from vaebench.training.rehearsal import rehearse

    study = config.read(options.config)
    cells = study.cells()
    print(f"{options.config}: {len(cells)} cells, {len(cells) * len(study.seeds)} runs", flush=True)
    hardware.prepare()
    places = study.places()
    written = {name: places[name] for name in ("results", *study.pathvars)}
    faults = [f"{name}: nothing can be written to {place}" for name, place in written.items() if not _open(place)]
    if study.mirror and "://" not in study.mirror and not Path(study.mirror).expanduser().is_dir():
        faults.append(f"mirror: {study.mirror}: no such folder")
    data = {}
    for name, source in study.sources().items():
        try:
            found = preview(name, source, places["data"] / "raw" / name, study.mirror)
        except VaebenchError as error:
            faults.append(str(error))
            continue
        data[name] = found or stand_in(name, source)
        try:
            room.check(study.evaluation, len(data[name].test.images))
        except VaebenchError as error:
            faults.append(f"{name}: {error}")
        told = lines(card(found)) if found else ["neither downloaded nor in a mirror on this machine: to be fetched"]
        print(f"{name}: " + "\n    ".join(told), flush=True)
    faults += rehearse(cells, data, min(2, study.pack or 1 + study.uses_gpu))
    for fault in faults:
        print(f"vaebench: {options.config}: {fault}", file=sys.stderr)
    if faults:
        sys.exit(1)


def _open(folder: Path) -> bool:
    """Whether files can be written below a folder that may not be there yet."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return there.is_dir() and os.access(there, os.W_OK)


def _schema(options: argparse.Namespace) -> None:
    print(config.schema())


def _train(options: argparse.Namespace) -> None:
    from vaebench import interface
    from vaebench.training import hardware, runs

    fields = {"path": options.path} if options.path else {}
    cell = config.cell(
        options.flavour,
        latent=options.latent,
        data=options.dataset,
        network=options.network,
        likelihood=options.likelihood,
        convention=options.convention,
        hyperparameters=_pairs(options.set),
        network_settings=_pairs(options.network_set),
        likelihood_settings=_pairs(options.likelihood_set),
        **_pairs(options.training),
    )
    seeds = [config.converted(seed, config.Seed, "seeds") for seed in dict.fromkeys(options.seeds)]
    hardware.prepare(options.threads)
    device = hardware.device(options.device)
    data = interface.dataset(options.dataset, options.data, **fields)
    folders = runs.train(cell, seeds, data, options.output, device=device, replace=options.replace)
    records = [runs.record(folder) for folder in folders]
    for folder, record in zip(folders, records, strict=True):
        print(f"{folder}: {runs.told(record)}")
    runs.refuse(records)


def _trained_on(options: argparse.Namespace) -> Any:
    """The data of a run; raises `VaebenchError` if the folder of data holds others."""
    from vaebench.data.dataset import load
    from vaebench.training import runs

    record = runs.record(options.run)
    runs.refuse([record])
    data = load(options.data / f"{record['cell']['dataset']}.safetensors")
    if data.checksum != record["data"]:
        raise VaebenchError(
            f"{options.run} was trained on other data than {options.data} holds: give the folder with --data"
        )
    return data


def _evaluate(options: argparse.Namespace) -> None:
    from vaebench import interface
    from vaebench.training import hardware

    data = _trained_on(options)
    hardware.prepare()
    values = interface.evaluate(
        interface.load(options.run).to(hardware.device(options.device)),
        data,
        importance_samples=options.importance_samples,
        importance_images=options.importance_images,
    )
    print(json.dumps(values, indent=1))


def _encode(options: argparse.Namespace) -> None:
    import pandas as pd

    from vaebench import interface
    from vaebench.data.readers import read
    from vaebench.files import savez, write
    from vaebench.training import hardware

    _writable(options.output, ".csv", ".npz")
    hardware.prepare()
    model = interface.load(options.run).to(hardware.device(options.device))
    codes = interface.encode(model, read(options.images.expanduser()).images).cpu().numpy()
    if options.output.suffix == ".npz":
        savez(options.output, {"codes": codes})
    else:
        names = [f"z{number}" for number in range(1, codes.shape[1] + 1)]
        write(options.output, pd.DataFrame(codes, columns=names).to_csv(index=False))


def _sample(options: argparse.Namespace) -> None:
    from vaebench import interface
    from vaebench.files import savez, write
    from vaebench.report.figures.tiles import columns, picture
    from vaebench.training import hardware

    _writable(options.output, ".png", ".npz")
    hardware.prepare()
    model = interface.load(options.run).to(hardware.device(options.device))
    data = None if options.sampler == "prior" else _trained_on(options)
    how = {"sampler": options.sampler, "settings": _pairs(options.set), "data": data, "run": options.run}
    images = interface.sample(model, options.count, options.seed, **how)
    arrays = images.cpu().numpy()
    if options.output.suffix == ".npz":
        savez(options.output, {"images": arrays})
    else:
        write(options.output, picture(arrays, columns(len(arrays))))


def _writable(path: Path, *suffixes: str) -> None:
    if path.suffix not in suffixes:
        raise VaebenchError(f"--output {path}: give a name that ends with {' or '.join(suffixes)}")
    if not path.absolute().parent.is_dir():
        raise VaebenchError(f"--output {path}: no such folder: make it first")


def _rank(options: argparse.Namespace) -> None:
    from vaebench.report.leaderboard import leaderboard
    from vaebench.report.results import Results

    place = {name: getattr(options, name) for name in ("dataset", "architecture", "latent", "part")}
    print(leaderboard(Results(options.results).held().best(options.metric), place))


def _compare(options: argparse.Namespace) -> None:
    from vaebench.files import write
    from vaebench.report.replication import replicate, told
    from vaebench.report.results import Results

    if options.output:
        _writable(options.output, ".csv")
    rows = replicate(Results(options.results).held(), Results(options.reference).held(), options.level)
    if options.output:
        write(options.output, rows.to_csv(index=False))
    for line in told(rows, options.level):
        print(line)
    if (rows["verdict"] == "differ").any() or not (rows["verdict"] == "agree").any():
        sys.stdout.flush()
        sys.exit(1)


def _verify(options: argparse.Namespace) -> None:
    from vaebench.report.verification import verify

    print(verify(options.results))


def _publish(options: argparse.Namespace) -> None:
    from vaebench.report.publication import publish
    from vaebench.report.results import Results

    print(publish([*map(Results, options.results)], options.into))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not an integer >= 1")
    return int(text)


def _share(text: str) -> float:
    with suppress(ValueError):
        if 0 < (share := float(text)) < 1:
            return share
    raise argparse.ArgumentTypeError(f"'{text}' is not between 0 and 1")


def _pairs(settings: list[str]) -> dict[str, Any]:
    """``["beta=2", "hidden=[64]"]`` as ``{"beta": 2, "hidden": [64]}``; what is no literal is a string."""
    pairs = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator:
            raise VaebenchError(f"'{setting}' is no setting: write NAME=VALUE")
        try:
            pairs[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            pairs[name] = value
    return pairs
