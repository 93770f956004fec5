"""Whatever is in a configuration, it is read as it stands or refused in one line that says where; what passes runs."""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaebench import interface
from vaebench.errors import VaebenchError
from vaebench.study import catalogue, config, ranges
from vaebench.study.config import Cell, Study
from vaebench.training import hardware, runs
from vaebench.training.rehearsal import rehearse

pytestmark = pytest.mark.slow
CONVENTIONS = ("dynamic", "static", "threshold", "none")
Tree = dict[str, Any]
Place = tuple[Any, ...]


def examples(count: int) -> Any:
    """The same examples at every run."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=quiet)


# Configurations

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name != "all")
counts = st.integers(1, 50)
positive = st.floats(1e-6, 1.0)
metrics = st.lists(st.sampled_from(catalogue.names("latent_metrics")), min_size=1, unique=True)


def values(allowed: ranges.Range) -> st.SearchStrategy[Any]:
    """Of a hyperparameter's range."""
    if isinstance(allowed, ranges.OneOf):
        return st.sampled_from(allowed.options)
    if isinstance(allowed, ranges.Sizes):
        return st.lists(st.integers(1, 20), min_size=allowed.fewest, max_size=3)
    low, high = max(allowed.low, -10), min(allowed.high, 10)
    if allowed.kind is int:
        return st.integers(math.ceil(low) + allowed.open, math.floor(high) - allowed.open)
    return st.floats(low, high, exclude_min=allowed.open, exclude_max=allowed.open)


@st.composite
def chosen(draw: st.DrawFn, kind: str) -> Tree:
    """Labels of files of the catalogue, under their own names or others, with some of their hyperparameters."""
    found: Tree = {}
    every = catalogue.names(kind)
    for name in draw(st.lists(st.sampled_from(every), min_size=1, max_size=3, unique=True)):
        declared = catalogue.hyperparameters(kind, name)
        some = draw(st.sets(st.sampled_from(sorted(declared)), max_size=2)) if declared else set()
        given_ = {key: draw(values(declared[key].range)) for key in sorted(some)}
        if draw(st.booleans()):
            label = draw(names.filter(lambda name: name not in (*every, *found)))
            found[label] = given_ | {kind.removesuffix("s"): name}
        else:
            found[name] = given_ or draw(st.sampled_from([{}, None]))
    return found


@st.composite
def some_of(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]]) -> Tree:
    """A section with some of its keys."""
    return {key: draw(fields[key]) for key in sorted(draw(st.sets(st.sampled_from(sorted(fields)))))}


def likelihoods(convention: str) -> st.SearchStrategy[Tree]:
    """Those of what the convention shows."""
    shown = "grey" if convention == "none" else "bits"
    fit = [
        name for name in catalogue.names("likelihoods") if shown in catalogue.attribute("likelihoods", name, "takes")
    ]
    return st.sampled_from(fit).map(lambda name: {"name": name})


@st.composite
def studies(draw: st.DrawFn) -> Tree:
    """A good configuration, with most keys in most of them."""
    own = st.fixed_dictionaries({"path": st.just("mine.npy")})
    limits = st.fixed_dictionaries({"limits": some_of({"train": counts, "validation": counts, "test": counts})})
    known = st.sampled_from(["digits", "mnist", "fashion_mnist"])
    convention = draw(st.sampled_from(CONVENTIONS))
    tree: Tree = {
        "datasets": draw(st.dictionaries(names, own, max_size=2)) | {draw(known): draw(st.one_of(st.none(), limits))},
        "flavours": draw(chosen("flavours")),
        "latents": draw(st.lists(counts, min_size=1, max_size=3, unique=True)),
        "convention": convention,
        "likelihood": draw(likelihoods(convention)),
    }
    optional = {
        "architectures": chosen("networks"),
        "seeds": st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3, unique=True),
        "training": some_of(
            {
                "epochs": counts,
                "batch_size": counts,
                "learning_rate": positive,
                "schedule": st.sampled_from(["constant", "cosine"]),
                "patience": st.one_of(st.none(), counts),
                "masking": st.floats(0, 0.99),
                "warmup": st.integers(0, 5),
                "decoders": st.integers(1, 4),
                "precision": st.sampled_from(["float32", "bfloat16"]),
            }
        ),
        "evaluation": some_of({"importance_samples": counts, "importance_images": counts, "gallery_images": counts}),
        "geometry": some_of({"points": counts, "pairs": counts, "metrics": metrics}),
        "device": st.sampled_from(["auto", "cpu", "cuda"]),
        "pack": counts,
        "pathvars": some_of({"results": st.just("results/mine"), "data": st.just("elsewhere")}),
    }
    return tree | draw(some_of(optional))


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**63, 10**30, -(10**30), math.nan, math.inf, -math.inf, 0.0, 1e-320, 2.5]),
    st.sampled_from(
        ["", " ", "1e-3", "1e3", "0x10", "nan", "1_000", "all", "vae", "My set", "../up", "null", "a\nb", "é"]
    ),
    st.text(max_size=5),
    st.sampled_from([[], {}, [[]], {"": None}, [None], {"name": "vae"}, {3: 4}, [1, 1], {None: 1}, {"a": {"b": {}}}]),
)


def places(tree: Any, at: Place = ()) -> Iterator[Place]:
    """Every place in a tree but its root."""
    for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield (*at, key)
        yield from places(inner, (*at, key))


def inside(tree: Any, place: Place) -> Any:
    for key in place:
        tree = tree[key]
    return tree


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    """A good configuration in which up to three things are replaced, left out, added or misspelt."""
    tree = copy.deepcopy(draw(studies()))
    for _ in range(draw(st.integers(1, 3))):
        every = list(places(tree)) or [("datasets",)]
        *above, key = every[draw(st.integers(0, 10**6)) % len(every)]  # hypothesis prefers the first of a list
        around = inside(tree, tuple(above))
        action = draw(st.sampled_from(["replace", "replace", "leave out", "add", "misspell"]))
        if action == "replace" or not isinstance(around, dict):
            around[key] = draw(junk)
        elif action == "add":
            around[draw(st.one_of(names, st.sampled_from([3, None, True, "", "a\nb"])))] = draw(junk)
        else:
            value = around.pop(key, None)
            if action == "misspell":
                around[str(key) + draw(st.sampled_from("sx_1 \n"))] = value
    return tree


def study_of(tree: Any) -> Study | str:
    """What `check` makes of a tree: a study, or one line, in a reader's words, that says where."""
    try:
        return config.check(tree, "study.yaml")
    except VaebenchError as error:
        message = str(error)
        assert len(message.splitlines()) == 1 and message.startswith("study.yaml: ") and len(message) < 1500
        for jargon in ("Expected `", "[...]", "Object ", "$.", "`object", "null`", "mend the configuration"):
            assert jargon not in message, message
        return message


@given(studies())
@examples(400)
def test_a_good_configuration_is_read_as_it_stands(tree: Tree) -> None:
    study = study_of(tree)
    assert isinstance(study, Study), study
    kinds = len(tree["datasets"]) * len(tree.get("architectures") or {"mlp": None})
    assert len(study.cells()) == kinds * len(tree["flavours"]) * len(tree["latents"])
    for cell in study.cells():  # as the workflow's jobs get it
        assert msgspec.convert(cell.plain(), Cell) == cell
    for section in ("training", "evaluation", "geometry"):
        for key, value in (tree.get(section) or {}).items():
            assert getattr(getattr(study, section), key) == value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "study.yaml")
        path.write_text(yaml.safe_dump(tree))
        assert config.read(path) == study


@given(mutants())
@examples(800)
def test_a_bad_configuration_is_one_line_that_says_where(tree: Any) -> None:
    study = study_of(tree)
    if isinstance(study, Study):  # what was put in was as good
        for cell in study.cells():
            assert msgspec.convert(cell.plain(), Cell) == cell
            assert cell.latent >= 1 and cell.training.epochs >= 1 and cell.training.learning_rate > 0
        assert study.seeds and len(set(study.seeds)) == len(study.seeds)
        assert set(tree) <= set(Study.__struct_fields__)


@given(studies(), st.data())
@examples(200)
def test_a_misspelt_key_is_named(tree: Tree, data: st.DataObject) -> None:
    sections = {"": tree} | {
        key: tree[key] for key in ("training", "evaluation", "geometry", "pathvars") if tree.get(key)
    }
    name = data.draw(st.sampled_from(sorted(sections)))
    key = data.draw(st.sampled_from(sorted(sections[name])))
    sections[name][f"{key}x"] = sections[name].pop(key)
    message = study_of(tree)
    if not isinstance(message, str):
        raise AssertionError(message)
    assert f"unknown key '{key}x': did you mean" in message and key in message
    assert message.startswith(f"study.yaml: {name + ': ' if name else ''}unknown key")


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60), mutants().map(repr)))
@examples(300)
def test_a_file_of_any_content_is_read_or_refused(content: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "study.yaml")
        path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        try:
            config.read(path)
        except VaebenchError as error:
            assert len(str(error).splitlines()) == 1 and str(error).startswith(f"{path}: ")


@given(studies(), st.data())
@examples(100)
def test_a_key_that_stands_twice_is_found_wherever_it_is(tree: Tree, data: st.DataObject) -> None:
    lines = yaml.safe_dump(tree, default_flow_style=False).splitlines()
    keys = [
        number
        for number, line in enumerate(lines)
        if line.split("#")[0].rstrip().endswith((": {}", ": []"))
        or (": " in line and not line.lstrip().startswith("-"))
    ]
    number = data.draw(st.sampled_from(keys))
    lines.insert(number, lines[number])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "study.yaml")
        path.write_text("\n".join(lines))
        with pytest.raises(VaebenchError) as caught:
            config.read(path)
        told = f"stands in line {number + 1} and again in line {number + 2}: keep one"
        assert str(caught.value).endswith(told)


# Training


@st.composite
def small(draw: st.DrawFn) -> Tree:
    """What one cell is asked for: any flavour with any likelihood, network and convention, and few hyperparameters."""
    network, flavour, likelihood = (
        draw(st.sampled_from(catalogue.names(kind))) for kind in ("networks", "flavours", "likelihoods")
    )
    sizes = {"channels": [4], "hidden": 8} if network == "conv" else {"hidden": [8]}
    return {
        "flavour": flavour,
        "likelihood": likelihood,
        "network": network,
        "network_settings": sizes,
        "convention": draw(st.sampled_from(CONVENTIONS)),
        "latent": draw(st.integers(1, 4)),
        "epochs": 1,
        "batch_size": draw(st.sampled_from([1, 9, 32, 100])),
        "learning_rate": draw(st.sampled_from([1e-4, 1e-3])),
        "masking": draw(st.sampled_from([0.0, 0.5])),
        "precision": draw(st.sampled_from(["float32", "bfloat16"])),
        "decoders": draw(st.sampled_from([1, 3])),
    }


@pytest.fixture(scope="module")
def digits() -> Any:
    hardware.prepare()
    return interface.dataset("digits", limits={"train": 33, "validation": 12, "test": 12})


TRAINED: list[str] = []


@given(small(), st.integers(1, 2))
@examples(120)
def test_what_check_accepts_trains_and_what_it_refuses_does_not(digits: Any, asked: Tree, pack: int) -> None:
    try:
        cell = config.cell(**asked)
    except VaebenchError as error:
        assert "is no distribution of the black and white pixels" in str(error)
        return
    reasons = rehearse([cell], {cell.dataset: digits}, pack)
    with tempfile.TemporaryDirectory() as folder:
        try:
            (run,) = runs.train(cell, [0], digits, Path(folder), device=torch.device("cpu"), pack=pack)
        except VaebenchError as error:
            assert reasons == [f"{cell.path}: {error}"]
            return
        assert reasons == []
        assert runs.record(run)["status"] == "finished"
        model = interface.load(run)
        found = interface.evaluate(model, digits, importance_samples=3, importance_images=5)
        assert found["mse"] is not None and 0 <= found["mse"] <= 1
        codes = interface.encode(model, digits.test.images)
        assert interface.decode(model, codes).shape == digits.test.images.shape
    TRAINED.append(cell.path)


def test_most_of_the_cells_above_were_trained() -> None:
    assert len(TRAINED) > 50 and len(set(TRAINED)) > 30
