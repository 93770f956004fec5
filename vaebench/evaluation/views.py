"""The ways to look at a trained run: what the metrics of a table are given, as its folder's ``SUBJECT`` says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.augmentation import Augmentation
from vaebench.evaluation.bench import Bench
from vaebench.evaluation.evidence.evidence import Evidence
from vaebench.evaluation.factors import Factors
from vaebench.evaluation.foreign import Foreign
from vaebench.evaluation.generation import Generation
from vaebench.evaluation.representation import Representation
from vaebench.evaluation.seeds import Seeds
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.survey.survey import Survey
from vaebench.model.vae import VAE
from vaebench.samplers import fitted
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler
from vaebench.study import catalogue, views

IMPORTANCE = ("importance_samples", "importance_images")
EVIDENCE = ("evidence_images", "evidence_temperatures")


class Views:
    """A model on the bench, in all ways; ``of`` gives that of a name, for a part. What does not exist raises `Missing`.

    Samplers that are fitted are kept in the run's ``folder``, whose key is ``key``; without a folder none is.
    ``others`` are the models of the cell's other seeds.
    """

    def __init__(
        self,
        bench: Bench,
        model: VAE,
        seed: int,
        folder: Path | None = None,
        key: str = "",
        lost: str = "",
        others: Sequence[Subject] = (),
    ) -> None:
        self.bench, self.model, self.seed, self.folder, self.key, self.lost = bench, model, seed, folder, key, lost
        self.others = others
        self._samplers: dict[str, Sampler] = {}
        self._samples: dict[str, Tensor] = {}
        self._made: dict[tuple[str, str], Any] = {}

    def of(self, view: str, part: str) -> Any:
        """What the metrics of a view are given for a part."""
        if view == "model":
            return self.subject
        if view == "survey":
            return self.survey.parts[part]
        if (view, part) not in self._made:
            self._made[view, part] = VIEWS[view].make(self, part)
        return self._made[view, part]

    @cached_property
    def subject(self) -> Subject:
        """The model before the test set."""
        return self.bench.subject(self.model, self.seed)

    @cached_property
    def survey(self) -> Survey:
        """Its latent geometry."""
        assert self.bench.geometry is not None
        data = self.bench.data
        return Survey(self.subject, data.test, data.train, self.encoded, self.bench.geometry, self.lost)

    @cached_property
    def encoded(self) -> Encoded:
        """The training images as the model encodes them."""
        return Encoded(self.model, self.bench.training, self.seed)

    def sampler(self, label: str) -> Sampler:
        """A sampler fitted to the training images, or as it was kept."""
        if label not in self._samplers:
            choice, model, seed = self.bench.samplers[label], self.model, self.seed
            if self.folder is None:
                self._samplers[label] = fitted.fit(choice, model, self.encoded, seed)
            else:
                kept = self.folder, self.key, label
                self._samplers[label] = fitted.kept(*kept, choice, model, lambda: self.encoded, seed)
        return self._samplers[label]

    def samples(self, label: str) -> Tensor:
        """Mean images of a sampler's draws, as many as the settings say and there are test images, in [0, 1]."""
        if label not in self._samples:
            count = min(self.bench.evaluation.generated_images, len(self.bench.test))
            drawn = fitted.draw(self.sampler(label), self.model, count, self.seed)
            self._samples[label] = drawn.clamp(0, 1) if self.bench.data.scale == "unit" else drawn
        return self._samples[label]


class View(NamedTuple):
    """How a view is made for a part, which fields of the settings it depends on, and the file of its code."""

    make: Callable[[Views, str], Any]
    settings: tuple[str, ...]
    code: str


def _generation(views: Views, sampler: str) -> Generation:
    if reason := views.subject.lacks("images"):
        raise Missing(reason)
    real = views.bench.real
    return real.of(views.samples(sampler))


def _augmentation(views: Views, sampler: str) -> Augmentation:
    choice, bench, model = views.bench.samplers[sampler], views.bench, views.model

    def draw(places: Tensor, count: int, seed: int) -> Tensor:
        found = fitted.fit(
            choice, model, Encoded(model, bench.training[places.to(bench.device)], views.seed), views.seed
        )
        if not found.state_dict():
            raise Missing(f"sampler '{choice.name}' learns nothing, so that it has no samples of a class")
        return fitted.draw(found, model, count, seed).clamp(0, 1)

    return Augmentation(bench.few, draw)


def _ex_post(views: Views, sampler: str) -> Evidence:
    if views.subject.has("prior"):
        raise Missing("it has a prior of its own")
    if reason := views.subject.lacks("likelihood"):
        raise Missing(reason)
    return Evidence(views.subject, views.sampler(sampler).density(views.model))


def _foreign(views: Views, other: str) -> Foreign:
    ours, theirs = views.bench.data, views.bench.foreign[other]
    if (ours.shape, ours.scale) != (theirs.shape, theirs.scale):
        raise Missing(f"images of {other} are {theirs.shape} of scale '{theirs.scale}', the model's are {ours.shape}")
    return Foreign(views.subject, views.bench.subject(views.model, views.seed, other))


VIEWS = {
    "seeds": View(lambda views, _: Seeds(views.subject, views.others), (), "evaluation/seeds.py"),
    "factors": View(lambda views, _: Factors(views.subject, views.bench.data), (), "evaluation/factors.py"),
    "ex_post": View(_ex_post, (), "evaluation/evidence/evidence.py"),
    "augmentation": View(_augmentation, ("augmentation_images",), "evaluation/augmentation.py"),
    "representation": View(
        lambda views, _: Representation(views.subject, views.bench.data), (), "evaluation/representation.py"
    ),
    "samples": View(_generation, ("generated_images",), "evaluation/generation.py"),
    "foreign": View(_foreign, IMPORTANCE, "evaluation/foreign.py"),
    "model": View(lambda views, _: views.subject, IMPORTANCE, "evaluation/subject.py"),
    "survey": View(lambda views, part: views.survey.parts[part], (), "evaluation/survey/survey.py"),
}


def wanted(bench: Bench) -> dict[str, list[str]]:
    """Names of the metrics to measure on a bench, by view."""
    has: dict[str, Any] = dict.fromkeys(views.OVER_SAMPLERS, bench.samplers)
    has |= {"survey": bench.geometry, "foreign": bench.foreign, "factors": bench.data.factors, "seeds": bench.seeds > 1}
    return views.metrics([view for view in VIEWS if has.get(view, True)], bench.evaluation.tier)


def parts(bench: Bench, view: str) -> Sequence[str]:
    """What a view is measured over: samplers, foreign datasets, or the whole."""
    return {"foreign": [*bench.foreign]}.get(view, [*bench.samplers] if view in views.OVER_SAMPLERS else [""])


def facts(bench: Bench, view: str, part: str, metric: str) -> dict[str, Any]:
    """What determines a measurement of a view by a metric ("": by none), beside the run itself."""
    path = [catalogue.path_of("metrics", metric)] if metric else []
    settings: dict[str, Any] = {name: getattr(bench.evaluation, name) for name in VIEWS[view].settings}
    if view == "survey":
        assert bench.geometry is not None
        settings |= {"geometry": msgspec.to_builtins(bench.geometry)}
        path += [catalogue.path_of("latent_metrics", name) for name in bench.geometry.metrics]
    if view in views.OVER_SAMPLERS:
        choice = bench.samplers[part]
        settings |= {"sampler": msgspec.to_builtins(choice), "sampler_code": fitted.code(choice.name)}
    if view == "foreign":
        settings |= {"foreign": bench.foreign[part].checksum}
    declared = catalogue.declared("metrics", metric) if metric else {}
    if declared.get("tier") == "thorough" and view in ("model", "foreign", "ex_post"):
        settings |= {name: getattr(bench.evaluation, name) for name in EVIDENCE}
    needs = declared.get("needs", ())
    if bench.judge is not None and (view == "samples" or "judge" in needs):
        settings |= {"judge": bench.judge.sha256}
    if "other_judges" in needs:
        settings |= {"other_judges": [judge.sha256 for judge in bench.judges[1:]]}
    return {"code": catalogue.fingerprint(VIEWS[view].code, *path), "settings": settings}
