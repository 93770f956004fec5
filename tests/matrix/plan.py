"""The jobs of the workflow as Snakemake plans them: ``python -m matrix.plan FOLDER [RULE...]`` pickles them.

Of each rule, or of those that are named, it takes one job, and those that make its inputs; provenance comes last.
"""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[2]
PROVENANCE, DOWNLOADED = "results/provenance.json", "results/data/raw/mnist/t10k-labels-idx1-ubyte.gz"


class Named(list):
    """A list of which parts have names, as scripts are given."""

    def __init__(self, values: list[Any], names: dict[str, Any]) -> None:
        super().__init__(values)
        self.names = names

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["names"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, place: Any) -> Any:
        return self.names[place] if isinstance(place, str) else super().__getitem__(place)

    def get(self, name: str, default: Any = None) -> Any:
        return self.names.get(name, default)

    def items(self) -> Any:
        return self.names.items()


@dataclass
class Job:
    """One job: its rule, its script, and the ``snakemake`` that the script is given."""

    rule: str
    script: Path
    given: SimpleNamespace
    makers: list[Job] = field(default_factory=list)  # of its inputs

    @property
    def outputs(self) -> list[Path]:
        return [Path(path) for path in self.given.output]


def main(folder: str, *rules: str) -> None:
    """Plan the study of ``FOLDER/study.yaml``."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

    with SnakemakeApi(OutputSettings(dryrun=True)) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[Path(folder, "study.yaml").absolute()]),
            snakefile=ROOT / "Snakefile",
            workdir=Path(folder).absolute(),
        )
        workflow.dag(DAGSettings(targets={PROVENANCE, DOWNLOADED})).printrulegraph()  # which plans, and runs nothing
        planned = [job for job in workflow._workflow.dag.jobs if job.rule.script]
        planned.sort(key=lambda job: (job.rule.name, str(job.output)))
    maker = {str(path): job for job in planned for path in job.output}
    chosen: dict[int, Any] = {}

    def choose(job: Any) -> None:
        if id(job) not in chosen:
            for path in job.input:
                if str(path) in maker:
                    choose(maker[str(path)])
            chosen[id(job)] = job

    last = maker[PROVENANCE]
    for rule, job in {job.rule.name: job for job in reversed(planned) if job is not last}.items():
        if rule in rules or not rules:
            choose(job)
    made = {str(path) for job in chosen.values() for path in job.output}
    jobs: dict[int, Job] = {}
    for one in [*chosen.values(), last]:  # of which the last needs all others, and is given those that there are
        files = {path for path in map(str, one.input) if path in made}
        given = SimpleNamespace(
            input=_named(one.input, files),
            output=_named(one.output),
            params=_named(one.params),
            wildcards=_named(one.wildcards),
            log=_named(one.log),
            threads=1,
        )
        script = ROOT / "workflow/scripts" / Path(one.rule.script).name
        jobs[id(one)] = Job(one.rule.name, script, given, [jobs[id(maker[path])] for path in sorted(files)])
    Path(folder, "plan.pickle").write_bytes(pickle.dumps([*jobs.values()]))


def _named(values: Any, among: set[str] | None = None) -> Named:
    """Plain values of those that Snakemake holds."""

    def plain(value: Any) -> Any:
        if isinstance(value, list) and hasattr(value, "_names"):
            return [plain(one) for one in value if among is None or str(one) in among]
        return str(value) if isinstance(value, str) else value

    kept = [plain(value) for value in values if among is None or str(value) in among]
    return Named(kept, {name: plain(value) for name, value in values.items()})


if __name__ == "__main__":
    from matrix import plan  # by the name that pickles are read under

    plan.main(*sys.argv[1:])
