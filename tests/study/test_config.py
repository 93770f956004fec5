from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from faults import fault

from vaebench.data.sources import Dataset, Limits
from vaebench.errors import VaebenchError
from vaebench.study import catalogue, config
from vaebench.study.config import Cell, Choice, Training, identity

FOLDER = Path(__file__).parents[2] / "config"
ROW = {"dataset": "digits", "architecture": "mlp", "flavour": "vae", "latent": 4, "value": 1.0, "source": "a paper"}
LAUGHS = "".join(f"- &{name} [{', '.join([f'*{of}'] * 8)}]\n" for of, name in zip("abcdef", "bcdefg", strict=True))
PLAIN: dict[str, Any] = {"datasets": {"digits": {}}, "flavours": {"vae": {}}, "latents": [2]}


def refused(raw: Any) -> str:
    """The message of the `VaebenchError` for a bad configuration, which must be one line with its place."""
    with pytest.raises(VaebenchError) as caught:
        config.check(raw, "study.yaml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("study.yaml: ")
    return message.removeprefix("study.yaml: ")


def cell(**changes: Any) -> Cell:
    (only,) = config.check(PLAIN | changes).cells()
    return only


# What is good


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configurations_are_good(path: Path) -> None:
    study = config.read(path)
    axes = study.datasets, study.architectures, study.chosen(), study.latents
    count = 1
    for axis in axes:
        count *= len(axis)
    count += sum(study.uses_gpu or not row.gpu for row in study.published.values())
    cells = study.cells()
    assert len(cells) == count > 0
    assert len({cell.path for cell in cells}) == count


def test_defaults_and_order_of_cells() -> None:
    study = config.check(
        {"datasets": {"digits": None, "mnist": {}}, "flavours": {"ae": None, "vae": {}}, "latents": [2, 3]}
    )
    assert [cell.path for cell in study.cells()][:5] == [
        "digits/mlp/ae/z2",
        "digits/mlp/ae/z3",
        "digits/mlp/vae/z2",
        "digits/mlp/vae/z3",
        "mnist/mlp/ae/z2",
    ]
    assert (study.seeds, study.convention, study.device, study.pack) == ([0, 1, 2], "dynamic", "auto", None)
    assert study.training == Training(50, 128, 1e-3, "constant", None)


def test_cells_are_complete() -> None:
    plan = cell(
        architectures={"wide": {"network": "mlp", "hidden": [9]}},
        flavours={"strong": {"flavour": "beta_vae", "beta": 8}},
        likelihood={"name": "gaussian", "settings": {"sigma": 1}},
        convention="none",
        training={"epochs": 3},
    )
    assert plan.path == "digits/wide/strong/z2"
    assert plan.network == Choice("mlp", {"hidden": (9,), "activation": "silu"})
    assert plan.objective == Choice("beta_vae", {"beta": 8.0})
    assert plan.likelihood == Choice("gaussian", {"sigma": 1.0})
    assert plan.training == Training(epochs=3)
    network = {"name": "mlp", "settings": {"hidden": [9], "activation": "silu"}}
    assert json.loads(json.dumps(plan.plain()))["network"] == network


@pytest.mark.parametrize("nothing", [{}, None])
def test_all_is_every_flavour_and_entries_beside_it_override_or_add(nothing: dict | None) -> None:
    every = [name for names in catalogue.groups("flavours").values() for name in names]
    plain = config.check(PLAIN | {"flavours": {"all": nothing}})
    assert list(plain.chosen()) == [cell.flavour for cell in plain.cells()] == every
    assert plain.chosen() == {name: Choice.of("flavours", name) for name in every}
    beside = {"strong": {"flavour": "beta_vae", "beta": 8}, "all": nothing, "beta_vae": {"beta": 2}}
    study = config.check(PLAIN | {"flavours": beside})
    expected = plain.chosen() | {
        "beta_vae": Choice("beta_vae", {"beta": 2.0}),
        "strong": Choice("beta_vae", {"beta": 8.0}),
    }
    assert study.chosen() == expected
    assert [(cell.flavour, cell.objective) for cell in study.cells()] == list(expected.items())


def test_families_are_in_the_catalogues_order_and_labels_of_one_in_the_configurations() -> None:
    flavours = {"copy": {}, "strong": {"flavour": "beta_vae"}, "ae": {}, "iwae": {}, "beta_vae": {}}
    row = ROW | {"flavour": "swae"}
    study = config.check(PLAIN | {"flavours": flavours, "latents": [2, 3], "published": {"old": row}})
    assert list(study.families().items()) == [
        ("strong", "gaussian"),
        ("beta_vae", "gaussian"),
        ("iwae", "bounds"),
        ("ae", "deterministic"),
        ("old", "deterministic"),
        ("copy", "controls"),
    ]


def test_a_users_dataset_may_have_any_good_name() -> None:
    study = config.check(PLAIN | {"datasets": {"mine": {"path": "x.npy", "labels": "y.npy", "limits": {"test": 5}}}})
    assert study.datasets["mine"] == Dataset("x.npy", "y.npy", Limits(test=5))


# What is bad


@pytest.mark.parametrize(
    ("changes", "place", "mend"),
    [
        # Unknown names
        ({"geometry": {"metrics": ["densty"]}}, "unknown latent metric 'densty'", "did you mean density?"),
        ({"geometry": {"metrics": ["density", "density"]}}, "geometry.metrics holds a value twice", "once"),
        ({"judge": {"seeds": []}}, "judge.seeds: the list is empty", "write seeds: [0]"),
        ({"geometry": {"metrics": []}}, "geometry.metrics: the list is empty", "write metrics: [euclidean]"),
        ({"flavours": {"beta_va": {}}}, "unknown flavour 'beta_va'", "did you mean beta_vae"),
        ({"flavours": {"zzz": {}}}, "unknown flavour 'zzz'", "choose from adversarial_ae, ae, "),
        ({"flavours": {"mine": {"flavour": "vea"}}}, "unknown flavour 'vea'", "did you mean"),
        ({"flavours": {"all": {}, "mine": {}}}, "unknown flavour 'mine'", "did you mean"),
        ({"flavours": {"all": {"beta": 3}}}, "flavours.all takes no settings", "give them to the flavours by name"),
        ({"flavours": {"all": {"flavour": "vae"}}}, "flavours.all takes no settings", "give them to the flavours"),
        ({"flavours": {"all": 3}}, "flavours.all: 3 is not a mapping", "write all: {}"),
        ({"flavours": {"mine": {"flavour": 5}}}, "unknown flavour '5'", "choose from"),
        ({"flavours": {"mine": {"flavour": ["vae"]}}}, "unknown flavour '['vae']'", "did you mean vae"),
        ({"architectures": {"mpl": {}}}, "unknown network 'mpl'", "did you mean mlp"),
        ({"likelihood": {"name": "bernouli"}}, "unknown likelihood 'bernouli'", "did you mean bernoulli"),
        ({"datasets": {"mnst": {}}}, "datasets.mnst: unknown dataset 'mnst' without a path", "did you mean mnist"),
        ({"datasets": {"mine": {}}}, "datasets.mine: unknown dataset 'mine' without a path", "mnist"),
        ({"datasets": {"mine": None}}, "datasets.mine: unknown dataset 'mine' without a path", "mnist"),
        ({"convention": "dynamik"}, "convention: 'dynamik' is no choice", "did you mean dynamic?"),
        ({"device": "tpu"}, "device: 'tpu' is no choice", "did you mean cpu?"),
        ({"training": {"schedule": "cosin"}}, "training.schedule: ", "did you mean cosine?"),
        # Unknown keys
        ({"trainin": {}}, "unknown key 'trainin'", "did you mean training?"),
        ({"training": {"epoch": 3}}, "training: unknown key 'epoch'", "did you mean epochs?"),
        ({"evaluation": {"importance_sample": 3}}, "evaluation: ", "did you mean importance_samples"),
        ({"likelihood": {"nam": "x"}}, "likelihood: ", "did you mean name?"),
        ({"datasets": {"digits": {"pth": "x"}}}, "datasets.digits: unknown key 'pth'", "did you mean path?"),
        (
            {"datasets": {"digits": {"limits": {"trian": 3}}}},
            "datasets.digits.limits: unknown key",
            "did you mean train?",
        ),
        (
            {"flavours": {"beta_vae": {"bet": 3}}},
            "flavour 'beta_vae' has no hyperparameter 'bet'",
            "did you mean beta?",
        ),
        ({"architectures": {"mlp": {"widths": 3}}}, "network 'mlp' has no hyperparameter 'widths'", "hidden"),
        ({"likelihood": {"settings": {"sigma": 1}}}, "likelihood 'bernoulli' has no hyperparameter 'sigma'", "none"),
        # Values outside their range or of another type
        ({"flavours": {"beta_vae": {"beta": -1}}}, "flavour 'beta_vae': beta = -1", "0 <= float"),
        ({"flavours": {"beta_vae": {"beta": float("inf")}}}, "flavour 'beta_vae': beta = inf", "0 <= float"),
        ({"flavours": {"beta_vae": {"beta": True}}}, "flavour 'beta_vae': beta = True", "0 <= float"),
        ({"architectures": {"conv": {"channels": []}}}, "network 'conv': channels = []", "at least 1"),
        ({"flavours": {"beta_vae": {"beta": "1e-1"}}}, "flavour 'beta_vae': beta = '1e-1'", "it is text: write 1.0e-1"),
        ({"latents": [0]}, "latents[0]: 0 is not", "an integer >= 1"),
        ({"latents": [2, 2.5]}, "latents[1]: 2.5 is not", "an integer >= 1"),
        ({"latents": [2.0]}, "latents[0]: 2.0 is not", "an integer >= 1"),
        ({"latents": [True]}, "latents[0]: True is not", "an integer >= 1"),
        ({"latents": [2**31]}, "latents[0]: 2147483648 is not", "an integer <= 2147483647"),
        ({"latents": 2}, "latents: 2 is not a list", "write latents: [2]"),
        ({"latents": None}, "latents: it is empty", "write latents: [2, 8]"),
        ({"seeds": [-1]}, "seeds[0]: -1 is not", "an integer >= 0"),
        ({"seeds": [2**32]}, "seeds[0]: 4294967296 is not", "an integer <= 4294967295"),
        ({"seeds": "all"}, "seeds: 'all' is not a list", "write seeds: [0, 1, 2]"),
        ({"pack": 0}, "pack: 0 is not", "an integer >= 1"),
        ({"training": {"epochs": 0}}, "training.epochs: 0 is not", "an integer >= 1"),
        ({"training": {"epochs": "1e3"}}, "training.epochs: '1e3' is not an integer >= 1", "it is text: write 1000"),
        ({"training": {"epochs": 1e3}}, "training.epochs: 1000.0 is not", "an integer >= 1"),
        ({"training": {"batch_size": "big"}}, "training.batch_size: 'big' is not", "an integer >= 1"),
        ({"training": {"learning_rate": 0}}, "training.learning_rate: 0 is not", "a number > 0"),
        ({"training": {"learning_rate": "1e-3"}}, "training.learning_rate: '1e-3'", "it is text: write 1.0e-3"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate: nan is not", "a finite number > 0"),
        ({"training": {"learning_rate": float("inf")}}, "training.learning_rate: inf is not", "a finite number > 0"),
        ({"training": {"masking": 1}}, "training.masking: 1 is not", "a number >= 0 and < 1"),
        ({"training": {"precision": "bf16"}}, "training.precision: 'bf16' is no choice", "did you mean bfloat16"),
        ({"device": "cpu", "training": {"precision": "tf32"}}, "precision: tf32 is for a GPU", "set precision"),
        ({"training": {"patience": 0}}, "training.patience: 0 is not", "an integer >= 1"),
        ({"training": None}, "training: it is empty", "write training: {epochs: 50}"),
        ({"evaluation": {"importance_samples": 0}}, "evaluation.importance_samples: 0 is not", "an integer >= 1"),
        ({"datasets": {"digits": {"limits": {"test": 0}}}}, "datasets.digits.limits.test: 0 is", "an integer >= 1"),
        ({"datasets": {"digits": {"limits": 5}}}, "datasets.digits.limits: 5 is not a mapping", "limits: {train: 5}"),
        ({"datasets": {"digits": "x.npy"}}, "datasets.digits: 'x.npy' is not a mapping", "digits: {path: x.npy}"),
        ({"datasets": ["digits"]}, "datasets: ['digits'] is not a mapping", "write datasets: {digits: {}}"),
        ({"datasets": None}, "datasets: it is empty", "write datasets: {digits: {}}"),
        ({"flavours": ["vae"]}, "flavours: ['vae'] is not a mapping", "write flavours: {vae: {}, beta_vae: {beta: 2}}"),
        ({"likelihood": "gaussian"}, "likelihood: 'gaussian' is not a mapping", "write likelihood: {name: gaussian}"),
        ({"likelihood": {"name": 5}}, "likelihood.name: 5 is not text", "write '5'"),
        ({"pathvars": {"results": 3}}, "pathvars.results: 3 is not text", "write '3'"),
        ({"pathvars": {"results": ""}}, "pathvars.results: ", "the text is empty"),
        ({"pathvars": {"result": "x"}}, "pathvars: unknown key 'result'", "did you mean results?"),
        ({"pathvars": {"cell": "x"}}, "pathvars: unknown key 'cell'", "choose from benchmarks, data, logs, results"),
        # Names that are no folder's, or another thing's
        ({"datasets": {"My set": {"path": "x"}}}, "datasets: 'My set' is no name", "such as my_set"),
        ({"flavours": {"../vae": {"flavour": "vae"}}}, "flavours: '../vae' is no name", "such as vae"),
        ({"flavours": {"vae\n": {"flavour": "vae"}}}, "flavours: 'vae\\n' is no name", "such as vae"),
        ({"flavours": {"vae": {"be\nta": 1}}}, "flavour 'vae' has no hyperparameter 'be ta'", "choose from none"),
        ({"pathvars": {"results": "out\n"}}, "pathvars.results: out\\n: Snakemake takes no '\\n'", "leave it out"),
        (
            {"architectures": {"mlp": {"hidden": [2**70]}}},
            "network 'mlp': hidden: 1180591620717411303424 is",
            "<= 2147",
        ),
        ({"architectures": {"mlp": {"hidden": [10**12]}}}, "network 'mlp': hidden: 1000000000000 is not", "<= 2147"),
        ({"flavours": {"iwae": {"samples": 2**31}}}, "flavour 'iwae': samples: 2147483648 is not", "<= 2147483647"),
        ({"train\ning": {}}, "unknown key 'train\\ning'", "did you mean training?"),
        ({"architectures": {3: {}}}, "architectures: 3 is no name", "such as n_3"),
        ({"flavours": {"vae": {"flavour": "beta_vae"}}}, "'vae' names another flavour than beta_vae", "another label"),
        ({"architectures": {"mlp": {"network": "conv"}}}, "'mlp' names another network than conv", "another label"),
        # What means nothing together
        ({"likelihood": {"name": "gaussian"}}, "likelihood 'gaussian' is no distribution of the black", "to none"),
        (
            {"likelihood": {"name": "continuous_bernoulli"}, "convention": "static"},
            "likelihood 'continuous_bernoulli' is no distribution of the black and white pixels of convention 'static'",
            "set convention to none, or take one of bernoulli, categorical, discretised_logistic",
        ),
        (
            {"published": {"row": ROW | {"likelihood": {"name": "gaussian_pixel"}}}, "convention": "threshold"},
            "likelihood 'gaussian_pixel' is no distribution of the black",
            "of convention 'threshold'",
        ),
        # Empty and twice
        ({"latents": []}, "nothing to train", "give flavours and latents"),
        ({"seeds": []}, "seeds: the list is empty", "write seeds: [0, 1, 2]"),
        ({"datasets": {}}, "datasets: it is empty", "write datasets: {digits: {}}"),
        ({"flavours": {}}, "nothing to train", "give flavours and latents"),
        ({"architectures": {}}, "architectures: it is empty", "write architectures: {mlp: {}}"),
        ({"seeds": [0, 1, 0]}, "seeds holds a value twice", "list each one once"),
        ({"latents": [2, 2]}, "latents holds a value twice", "list each one once"),
        # Published rows
        ({"published": {"vae": ROW}}, "'vae' is both in flavours and in published", "another name"),
        (
            {"flavours": {"all": {}}, "published": {"hvae": ROW | {"flavour": "hvae"}}},
            "'hvae' is both in flavours and in published",
            "name",
        ),
        ({"published": {"row": ROW | {"dataset": "digit"}}}, "unknown dataset 'digit'", "did you mean digits"),
        ({"published": {"row": ROW | {"architecture": "conv"}}}, "unknown architecture 'conv'", "choose from mlp"),
        ({"published": {"row": ROW | {"flavour": "va", "gpu": True}}}, "unknown flavour 'va'", "did you mean"),
        ({"published": {"row": ROW | {"hyperparameters": {"beta": 1}}}}, "flavour 'vae' has no hyperparameter", "beta"),
        (
            {"published": {"row": ROW | {"training": {"epoch": 1}}}},
            "published.row.training: unknown key",
            "did you mean epochs",
        ),
        ({"published": {"row": ROW | {"valu": 1}}}, "published.row: unknown key 'valu'", "did you mean value"),
        ({"published": {"row": ROW | {"value": float("nan")}}}, "published.row.value: nan is not", "a finite number"),
        ({"published": {"row": ROW | {"gpu": 1}}}, "published.row.gpu: 1 is not", "true or false"),
        ({"published": {"row": ROW | {"metric": "nl"}}}, "published.row: unknown metric 'nl'", "did you mean nll"),
        ({"published": {"iwae": ROW}}, "'iwae' names another flavour than vae", "give vae another label"),
        ({"published": {"row": {}}}, "published.row: the key 'dataset' is missing", "give it"),
        ({"datasets": {"digits": {"labels": "y.npy"}}}, "datasets.digits: labels without a path", "give the path"),
        ({"out_of_distribution": {"mnist": ["digits"]}}, "unknown dataset 'mnist'", "choose from digits"),
        ({"out_of_distribution": {"digits": ["mnst"]}}, "unknown dataset 'mnst'", "did you mean mnist"),
        ({"out_of_distribution": {"digits": ["digits"]}}, "out_of_distribution.digits: it is held against", "leave it"),
    ],
)
def test_bad_input_is_told_with_its_place_and_mend(changes: dict, place: str, mend: str) -> None:
    message = refused(PLAIN | changes)
    assert message.startswith(place)
    assert mend in message


@pytest.mark.parametrize("raw", [None, [], "text", 3, [PLAIN]])
def test_a_configuration_is_a_mapping(raw: Any) -> None:
    assert refused(raw).endswith(" is not a mapping: write datasets: {digits: {}}" if raw else "datasets: {digits: {}}")


@pytest.mark.parametrize("missing", PLAIN)
def test_required_fields(missing: str) -> None:
    raw = {key: value for key, value in PLAIN.items() if key != missing}
    nothing = "nothing to train: give flavours and latents"
    first = "the key 'datasets' is missing: give it, such as datasets: {digits: {}}"
    assert refused(raw) == (first if missing == "datasets" else nothing)


def test_foreign_data_may_be_public_ones_on_which_nothing_is_trained() -> None:
    datasets = {"digits": None, "mnist": {"limits": {"test": 5}}}
    foreign = {"digits": ["fashion_mnist", "mnist"]}
    study = config.check(PLAIN | {"datasets": datasets, "out_of_distribution": foreign})
    assert study.sources() == {"digits": Dataset(), "mnist": Dataset(limits=Limits(test=5)), "fashion_mnist": Dataset()}
    assert {cell.dataset for cell in study.cells()} == {"digits", "mnist"}
    assert (study.foreign("digits"), study.foreign("mnist")) == (["fashion_mnist", "mnist"], [])


def test_a_published_row_is_a_cell_of_its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    row = ROW | {"convention": "none", "training": {"epochs": 3}, "evaluation": {"importance_samples": 7}}
    study = config.check({"datasets": {"digits": {}}, "published": {"row": row, "big": ROW | {"gpu": True}}})
    monkeypatch.setattr(config.Study, "uses_gpu", False)
    (only,) = study.cells()
    assert (only.path, only.objective.name, only.convention) == ("digits/mlp/row/z4", "vae", "none")
    assert (only.training.epochs, only.likelihood.name) == (3, "bernoulli")
    assert study.evaluation_of(only).importance_samples == 7
    monkeypatch.setattr(config.Study, "uses_gpu", True)
    assert [study.evaluation_of(cell).importance_samples for cell in study.cells()] == [7, 500]


@pytest.mark.parametrize(
    "content",
    [b"datasets: [", b"a: b: c", b"\tx: 1", b"\xff\xfe\x00", b"? [1]\n: 2", b"a: *b", b"!!python/object:os.system {}"],
)
def test_bad_yaml_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(VaebenchError) as caught:
        config.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: cannot be read as YAML (")
    assert message.endswith("): mend the file")
    assert "\n" not in message


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        VaebenchError, match=r"^\S+/absent.yaml: cannot be read as YAML .*No such file.*: mend the file$"
    ):
        config.read(tmp_path / "absent.yaml")


def test_a_file_is_checked_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(msgspec.yaml.encode(PLAIN | {"latents": [0]}))
    with pytest.raises(VaebenchError) as caught:
        config.read(path)
    assert str(caught.value) == f"{path}: latents[0]: 0 is not an integer >= 1"


def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    start = "datasets: {digits: {}}\nflavours:\n  vae: {}\n  ae: {}\n"
    for more, key, first, again in (
        ("latents: [2]\n\nlatents: [3]\n", "latents", 5, 7),
        ("  vae: {}\nlatents: [2]\n", "vae", 3, 5),
        ("latents: [2]\ntraining: {epochs: 2, patience: 1,\n  epochs: 3}\n", "epochs", 6, 7),
        ("latents: [2]\n'latents': [3]\n", "latents", 5, 6),
    ):
        path.write_text(start + more)
        expected = f"{path}: the key '{key}' stands in line {first} and again in line {again}: keep one"
        assert fault(lambda: config.read(path)) == expected


def test_aliases_and_merges_repeat_no_key(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "datasets: {digits: &part {limits: {train: 5}}, fresh: {<<: *part, path: x.npy, limits: {test: 3}}}\n"
        "flavours: {vae: &none {}, ae: *none}\nlatents: [2]\n"
    )
    study = config.read(path)
    assert study.datasets["fresh"] == Dataset("x.npy", None, Limits(test=3))
    assert study.datasets["digits"] == Dataset(limits=Limits(train=5))
    assert list(study.flavours) == ["vae", "ae"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("datasets: &all {digits: *all}\nflavours: {vae: {}}\nlatents: [2]\n", "what begins in line 1 holds itself"),
        ("datasets: {digits: {}}\nlatents: &size\n- *size\n", "what begins in line 2 holds itself by an alias"),
        ("latents:\n- &a [1, 1, 1, 1, 1, 1, 1, 1]\n" + LAUGHS, "line 7 holds more than 100000 values by its aliases"),
        ("latents: " + 100_000 * "[" + 100_000 * "]", "lists and mappings lie more than 100 deep"),
        ("latents: [" + 400_000 * "2, " + "2]", "it is longer than 1048576 bytes"),
        ("latents: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("latents: [2\0]", "control characters are not allowed"),
    ],
)
def test_what_no_configuration_holds_is_refused_before_it_is_built(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(content)
    message = fault(config.read, path)
    assert message.startswith(f"{path}: cannot be read as YAML (") and reason in message


def test_a_pipe_is_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "study.yaml")
    assert fault(config.read, tmp_path / "study.yaml").endswith("cannot be read as YAML (it is no file): mend the file")


def test_numbers_in_the_notation_of_yaml_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    for written, value in (("1.0e-3", 1e-3), ("0.5", 0.5), ("1", 1.0)):
        path.write_bytes(msgspec.yaml.encode(PLAIN) + f"training: {{learning_rate: {written}}}\n".encode())
        assert config.read(path).training.learning_rate == value


# Identity

CHANGES: list[dict[str, Any]] = [
    {"datasets": {"mnist": {}}},
    {"architectures": {"conv": {}}},
    {"architectures": {"wide": {"network": "mlp"}}},
    {"architectures": {"mlp": {"hidden": [512, 255]}}},
    {"architectures": {"mlp": {"activation": "gelu"}}},
    {"flavours": {"ae": {}}},
    {"flavours": {"beta_vae": {}}},
    {"flavours": {"beta_vae": {"beta": 4.5}}},
    {"flavours": {"mine": {"flavour": "vae"}}},
    {"latents": [3]},
    {"likelihood": {"name": "categorical"}},
    {"likelihood": {"name": "gaussian"}, "convention": "none"},
    {"likelihood": {"name": "gaussian", "settings": {"sigma": 0.2}}, "convention": "none"},
    {"convention": "static"},
    {"training": {"epochs": 51}},
    {"training": {"batch_size": 127}},
    {"training": {"masking": 0.25}},
    {"training": {"learning_rate": 0.002}},
    {"training": {"schedule": "cosine"}},
    {"training": {"patience": 9}},
    {"training": {"precision": "bfloat16"}},
    {"training": {"warmup": 5}},
    {"training": {"decoders": 4}},
]
FACTS: dict[str, Any] = {"seed": 0, "data": "d", "pack": 1, "device": "cpu"}


def test_identity_changes_with_every_field(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [identity(cell(**changes), **FACTS) for changes in ({}, *CHANGES)]
    changed: list[dict[str, Any]] = [{"seed": 1}, {"data": "e"}, {"pack": 2}, {"device": "cuda"}]
    keys += [identity(cell(), **(FACTS | facts)) for facts in changed]
    monkeypatch.setattr("vaebench.study.catalogue.fingerprint", lambda *paths: "other code")
    keys.append(identity(cell(), **FACTS))
    assert len(set(keys)) == len(keys) == 1 + len(CHANGES) + 4 + 1
    assert {len(key) for key in keys} == {64}


def test_every_field_of_a_cell_is_changed_above() -> None:
    plain = cell()
    changed = {
        name
        for changes in CHANGES
        for name in Cell.__struct_fields__
        if getattr(cell(**changes), name) != getattr(plain, name)
    }
    assert changed == set(Cell.__struct_fields__)
    trained = {name for changes in CHANGES for name in changes.get("training", {})}
    assert trained == set(Training.__struct_fields__)


def test_identity_does_not_change_with_order_spelling_or_what_is_not_trained() -> None:
    wanted = {"network": "conv", "channels": [4, 8], "hidden": 16, "activation": "gelu"}
    key = identity(cell(architectures={"mine": wanted}, flavours={"beta_vae": {"beta": 4.0}}), **FACTS)
    turned = dict(reversed(list(wanted.items())))
    assert identity(cell(architectures={"mine": turned}, flavours={"beta_vae": {"beta": 4}}), **FACTS) == key
    assert identity(cell(architectures={"mine": wanted}, flavours={"beta_vae": {}}), **FACTS) == key
    others = {"seeds": [7], "evaluation": {"importance_samples": 3}, "device": "cpu", "pack": 2, "mirror": "x"}
    turned_cell = cell(architectures={"mine": turned}, flavours={"beta_vae": None}, training={"epochs": 50}, **others)
    assert identity(turned_cell, **FACTS) == key
