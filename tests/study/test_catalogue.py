from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import fault

from vaebench.evaluation.metric import Metric
from vaebench.model.flavour import Flavour
from vaebench.study import catalogue, ranges

KINDS = ("flavours", "networks", "likelihoods", "metrics")


# Names and hyperparameters


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_holds_what_it_is_named_for(kind: str) -> None:
    assert catalogue.names(kind) == sorted(set(catalogue.names(kind)))
    for name in catalogue.names(kind):
        found = catalogue.load(kind, name)
        assert isinstance(found, {"flavours": Flavour, "metrics": Metric}.get(kind, type))
        assert (found.name if hasattr(found, "name") else found.__name__) == name


# Groups


def test_groups_are_the_folders_in_the_kind_s_order() -> None:
    assert list(catalogue.groups("flavours")) == [
        "gaussian",
        "distortions",
        "bounds",
        "posteriors",
        "priors",
        "curved",
        "discrete",
        "deterministic",
        "controls",
    ]
    tables = ["likelihood", "evidence", "ex_post", "surgery", "reconstruction", "generation", "augmentation", "latent"]
    tables += ["representation", "stability", "disentanglement", "detection"]
    tables += ["geometry", "curvature", "interpolation", "neighbourhood", "validity"]
    assert list(catalogue.groups("metrics")) == tables
    for kind in ("networks", "likelihoods"):
        assert catalogue.groups(kind) == {"": catalogue.names(kind)}


@pytest.mark.parametrize("kind", ["flavours", "metrics", "figures"])
def test_every_name_is_in_the_group_of_its_folder(kind: str) -> None:
    groups = catalogue.groups(kind)
    assert sorted(name for names in groups.values() for name in names) == catalogue.names(kind)
    for group, names in groups.items():
        assert names == sorted(names) == catalogue.names(kind, group)
        for name in names:
            assert catalogue.group_of(kind, name) == group
            assert catalogue.path_of(kind, name).parts[-2:] == (group, f"{name}.py")
        title = catalogue.title(kind, group)
        assert title and not title.endswith(".") and "\n" not in title
    assert catalogue.names(kind, "absent") == []
    order = catalogue.constant(kind, "", "ORDER")
    assert order is None or list(groups) == list(order)


def test_a_group_may_state_constants() -> None:
    assert catalogue.constant("metrics", "curvature", "SUBJECT") == "survey"
    assert catalogue.constant("metrics", "latent", "SUBJECT") is None


@pytest.mark.parametrize("name", catalogue.names("likelihoods"))
def test_a_likelihood_says_of_which_values_it_is(name: str) -> None:
    """A density grows beyond all bounds where values are 0 and 1 alone; a mass does not."""
    expected = {
        "bernoulli": ("bits", "grey"),
        "categorical": ("bits", "grey"),
        "discretised_logistic": ("bits", "grey"),
    }
    expected |= {"continuous_bernoulli": ("grey",)}
    takes = catalogue.attribute("likelihoods", name, "takes")
    assert takes == expected.get(name, ("grey", "real")) == catalogue.load("likelihoods", name).takes
    assert catalogue.attribute("likelihoods", name, "absent") is None


def test_metrics_declare_in_source_what_they_have_in_memory() -> None:
    for name in catalogue.names("metrics"):
        declared, found = catalogue.declared("metrics", name), catalogue.load("metrics", name)
        assert (declared["unit"], declared["better"]) == (found.unit, found.better)
        assert found.better in ("higher", "lower", None)
        assert tuple(declared.get("needs", ())) == found.needs
        assert type(declared.get("shown", True)) is bool
        assert declared.get("tier", "default") in ("default", "thorough")
    needs = ("posterior", "prior", "likelihood")
    assert catalogue.declared("metrics", "elbo") == {
        "unit": "nats", "better": "higher", "needs": needs, "worst": "mean",
    }  # fmt: skip


def test_flavours_declare_in_source_what_they_have_in_memory() -> None:
    for name in catalogue.names("flavours"):
        declared = catalogue.hyperparameters("flavours", name)
        assert {key: value.default for key, value in declared.items()} == catalogue.load("flavours", name).defaults
    assert list(catalogue.hyperparameters("flavours", "beta_vae")) == ["beta"]


@pytest.mark.parametrize("kind", ["networks", "likelihoods"])
def test_classes_declare_in_source_what_they_have_in_memory(kind: str) -> None:
    for name in catalogue.names(kind):
        arguments = inspect.signature(catalogue.load(kind, name).__init__, eval_str=True).parameters.values()
        known = {a.name: a for a in arguments if a.kind is a.KEYWORD_ONLY and a.default is not a.empty}
        declared = catalogue.hyperparameters(kind, name)
        assert set(declared) == set(known)
        for key, hyperparameter in declared.items():
            assert hyperparameter.default == known[key].default
            assert known[key].annotation.__metadata__ == (hyperparameter.range,)


@pytest.mark.parametrize("kind", ["flavours", "networks", "likelihoods"])
def test_defaults_lie_in_their_ranges(kind: str) -> None:
    for name in catalogue.names(kind):
        settled = catalogue.settle(kind, name, {})
        declared = catalogue.hyperparameters(kind, name)
        assert settled == {key: value.default for key, value in declared.items()}
        assert catalogue.settle(kind, name, settled) == settled


def test_settled_values_have_one_form() -> None:
    settled = catalogue.settle("flavours", "beta_vae", {"beta": 2})["beta"]
    assert (settled, type(settled)) == (2.0, float)
    assert catalogue.settle("networks", "mlp", {"hidden": [3, 2]}) == {"hidden": (3, 2), "activation": "silu"}


def test_captions_are_the_first_paragraph() -> None:
    assert catalogue.caption("flavours", "beta_vae").startswith("beta-VAE. Higgins et al. 2017, https://")
    assert catalogue.caption("networks", "mlp") == "Multilayer perceptron; the decoder mirrors the encoder."
    assert catalogue.caption("metrics", "mse") == "Mean squared error of reconstructions."


@pytest.mark.parametrize(
    ("range_", "good", "bad"),
    [
        (ranges.Interval(float), [0, -1.5, 1e300], [float("inf"), float("nan"), 10**400, "1", None, True, [1]]),
        (ranges.Interval(float, 0), [0, 0.0, 3], [-1e-300, float("inf"), -(10**400)]),
        (ranges.Interval(float, 0, open=True), [1e-300, 1], [0, -1]),
        (ranges.Interval(float, 0, 1), [0, 1, 0.5], [-0.1, 1.1]),
        (ranges.Interval(int, 1), [1, 10**6], [0, -1, 1.0, "1", True]),
        (ranges.OneOf((True, False)), [True, False], [0, 1, "True", None]),
        (ranges.OneOf(("silu", "relu")), ["silu", "relu"], ["Silu", True, None, ["silu"]]),
        (ranges.Sizes(), [[], [3], (3, 2)], [3, "33", [0], [1.5], [True], None, {3}]),
        (ranges.Sizes(1), [[3]], [[], ()]),
    ],
    ids=str,
)
def test_ranges(range_: ranges.Range, good: list, bad: list) -> None:
    for value in good:
        assert range_.settle(value) == (tuple(value) if isinstance(value, list) else value)
    for value in bad:
        with pytest.raises(ValueError):
            range_.settle(value)


@pytest.mark.parametrize(
    ("kind", "name", "given", "expected"),
    [
        ("flavours", "beta_va", {}, "unknown flavour 'beta_va': did you mean beta_vae"),
        (
            "likelihoods",
            "zzz",
            {},
            f"unknown likelihood 'zzz': choose from {', '.join(catalogue.names('likelihoods'))}",
        ),
        ("flavours", "__init__", {}, "unknown flavour '__init__'"),
        ("flavours", "../training/engine", {}, "unknown flavour '../training/engine'"),
        ("networks", "convolution", {}, "unknown network 'convolution': did you mean conv?"),
        ("flavours", "beta_vae", {"bta": 1}, "flavour 'beta_vae' has no hyperparameter 'bta': did you mean beta?"),
        ("flavours", "vae", {"beta": 1}, "flavour 'vae' has no hyperparameter 'beta': choose from none"),
        ("flavours", "beta_vae", {"beta": -1}, "flavour 'beta_vae': beta = -1 is not 0 <= float"),
        ("flavours", "beta_vae", {"beta": "4"}, "flavour 'beta_vae': beta = '4' is not 0 <= float"),
        ("networks", "mlp", {"hidden": [0]}, "network 'mlp': hidden = [0] is not a list of integers >= 1"),
        (
            "networks",
            "conv",
            {"channels": []},
            "network 'conv': channels = [] is not a list of at least 1 integers >= 1",
        ),
        ("networks", "conv", {"hidden": 0}, "network 'conv': hidden = 0 is not 1 <= int"),
        ("networks", "mlp", {"activation": "sil"}, "activation = 'sil' is not one of silu, gelu, tanh, softplus, relu"),
        ("likelihoods", "gaussian", {"sigma": 0}, "likelihood 'gaussian': sigma = 0 is not 0 < float"),
    ],
)
def test_bad_choices_are_told_with_the_mend(kind: str, name: str, given: dict, expected: str) -> None:
    assert expected in fault(lambda: catalogue.settle(kind, name, given))


# Files of a copy of the package

ENGINE, VAE, BETA = "training/engine.py", "flavours/gaussian/vae.py", "flavours/gaussian/beta_vae.py"
AE, MINE = "flavours/deterministic/ae.py", "flavours/gaussian/mine.py"


class Source:
    """A copy of the package, to be edited and put back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before: dict[Path, str | None] = {}

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        self.before.setdefault(file, file.read_text() if file.exists() else None)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new, 1))

    def append(self, path: str, text: str) -> None:
        self.write(path, (self.folder / path).read_text() + text)

    def restore(self) -> None:
        for file, text in self.before.items():
            if text is not None:
                file.write_text(text)
                continue
            file.unlink()
            if not any(file.parent.iterdir()):
                file.parent.rmdir()

    def fingerprint(self, flavour: str) -> str:
        return catalogue.fingerprint(ENGINE, flavour, "model/networks/mlp.py", "model/likelihoods/bernoulli.py")


ASKED: dict[tuple[Callable, Path, str], Any] = {}


def by_text(function: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Keeps what a function finds in a file until the file changes (the catalogue itself asks once for each file)."""

    def asked(path: Path) -> Any:
        key = function, path, path.read_text()
        if key not in ASKED:
            ASKED[key] = function(path)
        return ASKED[key]

    return asked


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copied") / "vaebench"
    return shutil.copytree(catalogue.PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def source(copied: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    monkeypatch.setattr(catalogue, "PACKAGE", copied)
    monkeypatch.setattr(catalogue, "_source", by_text(catalogue._source.__wrapped__))
    found = Source(copied)
    yield found
    found.restore()


def test_a_new_file_in_a_new_folder_is_a_new_name_in_a_new_group_after_the_others(source: Source) -> None:
    before = catalogue.groups("flavours")
    for folder in ("zoo", "ark"):
        source.write(f"flavours/{folder}/__init__.py", '"""Beasts.\n\nMore of them.\n"""\n')
    source.write("flavours/zoo/beta_zoo.py", "")
    assert list(catalogue.groups("flavours").items()) == [*before.items(), ("zoo", ["beta_zoo"])]
    source.write("flavours/ark/beta_ark.py", "")
    assert list(catalogue.groups("flavours"))[-2:] == ["ark", "zoo"]
    assert catalogue.title("flavours", "zoo") == "Beasts"
    assert catalogue.group_of("flavours", "beta_zoo") == "zoo"


@pytest.mark.parametrize(
    ("kind", "path", "taken"),
    [
        ("flavours", "flavours/bounds/vae.py", VAE),
        ("flavours", "flavours/vae.py", VAE),
        ("metrics", "evaluation/metrics/latent/mse.py", "evaluation/metrics/reconstruction/mse.py"),
        ("figures", "report/figures/plane/samples.py", "report/figures/gallery/samples.py"),
    ],
)
def test_two_files_of_one_name_are_refused(source: Source, kind: str, path: str, taken: str) -> None:
    source.write(path, "")
    name = Path(path).stem
    for asked in (catalogue.names, catalogue.groups, lambda kind: catalogue.path_of(kind, name)):
        message = fault(lambda asked=asked: asked(kind))
        assert str(source.folder / path) in message and str(source.folder / taken) in message
        assert message.endswith(f" are both named '{name}': rename one")


def test_fingerprint_does_not_depend_on_the_place(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = source.fingerprint(VAE)
    monkeypatch.undo()
    assert source.fingerprint(VAE) == copied
    assert source.fingerprint(BETA) != copied


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        (VAE, {VAE}),
        (BETA, {BETA}),
        (AE, set()),
        ("model/networks/conv.py", set()),
        ("model/likelihoods/gaussian.py", set()),
        ("evaluation/metrics/likelihood/nll.py", set()),
        ("cli.py", set()),
        ("evaluation/measure.py", set()),
        ("data/readers.py", set()),
        (ENGINE, {VAE, BETA}),
        ("random.py", {VAE, BETA}),
        ("data/binarisation.py", {VAE, BETA}),
        ("model/vae.py", {VAE, BETA}),
        ("model/parts/design.py", {VAE, BETA}),
        ("model/parts/encoders.py", {VAE, BETA}),
        ("model/parts/priors.py", {VAE, BETA}),
        ("model/parts/decoders.py", {VAE, BETA}),
        ("model/parts/critics.py", set()),
        ("model/distributions/gaussian.py", {VAE, BETA}),
        ("model/networks/mlp.py", {VAE, BETA}),
        ("model/networks/__init__.py", {VAE, BETA}),
        ("model/likelihoods/bernoulli.py", {VAE, BETA}),
        ("study/ranges.py", {VAE, BETA}),
    ],
)
def test_code_counts_where_it_runs(source: Source, path: str, changed: set[str]) -> None:
    before = {flavour: source.fingerprint(flavour) for flavour in (VAE, BETA)}
    source.append(path, "\nADDED = 1\n")
    assert {flavour for flavour in before if source.fingerprint(flavour) != before[flavour]} == changed


@pytest.mark.parametrize("folder", ["report/site/pages", "evaluation/judges"])
def test_what_lies_beside_the_code_counts_by_its_bytes(source: Source, folder: str) -> None:
    """No import leads to it, and a rule that did not ask for it would keep what the old one had made."""
    code = Path(folder).parent / "__init__.py"
    seen = {catalogue.fingerprint(code), catalogue.fingerprint(code, folder)}
    source.write(f"{folder}/another.css", "a { color: red }")
    seen.add(catalogue.fingerprint(code, folder))
    source.write(f"{folder}/another.css", "a { color: tan }")
    seen.add(catalogue.fingerprint(code, folder))
    assert len(seen) == 4


def test_comments_layout_and_docstrings_do_not_count(source: Source) -> None:
    before = source.fingerprint(VAE)
    source.append(VAE, "\n\n# A comment.\n")
    source.edit(VAE, "VAE. Kingma", "The VAE. Kingma")
    source.edit(VAE, r'r"""$-\mathbb E_q', r'r"""The loss: $-\mathbb E_q')
    source.edit(ENGINE, "class Pack:\n", "class Pack:  # runs\n\n")
    source.edit("model/vae.py", '"""Point estimate', '"""The point estimate')
    source.edit(VAE, '"rate": draw.kl}', '"rate":   (draw.kl)}')
    assert source.fingerprint(VAE) == before


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("training/optimiser.py", "(0.9, 0.999), 1e-8", "(0.9, 0.99), 1e-8"),
        (VAE, '"rate": draw.kl', '"rate": 2 * draw.kl'),
        ("random.py", "return word ^ _shift(word, 31)", "return word ^ _shift(word, 30)"),
    ],
)
def test_one_changed_number_counts(source: Source, path: str, old: str, new: str) -> None:
    before = source.fingerprint(VAE)
    source.edit(path, old, new)
    assert source.fingerprint(VAE) != before


def test_a_flavour_built_on_another_follows_it(source: Source) -> None:
    source.write(MINE, "from vaebench.flavours.gaussian.beta_vae import beta_vae as mine\n")
    before = {flavour: source.fingerprint(flavour) for flavour in (MINE, VAE)}
    source.append(BETA, "\nADDED = 1\n")
    assert source.fingerprint(MINE) != before[MINE]
    assert source.fingerprint(VAE) == before[VAE]
    # What only a type checker imports does not run.
    unchecked = source.fingerprint(VAE)
    known = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from vaebench.flavours.deterministic.ae import ae\n"
    )
    source.append(VAE, f"\n{known}")
    checked = source.fingerprint(VAE)
    assert checked != unchecked
    source.append(AE, "\nADDED = 1\n")
    assert source.fingerprint(VAE) == checked


@pytest.mark.parametrize(
    "module", ["vaebench", "vaebench.study.catalogue", "vaebench.study.config", "vaebench.data.sources"]
)
def test_what_a_snakefile_imports_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*{{'torch', 'numpy', 'pandas', 'scipy', 'sklearn'}} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_asking_for_cells_and_fingerprints_is_light() -> None:
    code = """
import sys
from vaebench.study import config
study = config.read("config/config.yaml")
print([cell.code for cell in study.cells()][0] != "", "torch" in sys.modules)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "True False\n"
