"""The line that every table carries: what its numbers are, and under what conditions they were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaebench.report.concordance import DRAWS
from vaebench.report.tables.columns import members, of_geometry

TENSORS = {
    "euclidean": "pull-back of the Euclidean metric by the mean image",
    "fisher_rao": "pull-back of the Fisher-Rao metric of the likelihood",
}
STATED = ("convention", "likelihood", "importance_samples", "importance_images")


def note(
    table: str, conditions: Sequence[Mapping[str, Any]], *, seeds: int, geometry: Mapping[str, Any] | None = None
) -> str:
    """The line of a table, from the conditions of its cells, the number of ``seeds`` and, where the study measures it,
    the settings of its ``geometry`` (`vaebench.study.config.Geometry`).
    """
    many = f"{seeds} seed{'s' if seeds > 1 else ''}"
    if table == "agreement":
        assert geometry is not None
        return _of_agreement(geometry["pairs"], many)
    stated = {name: " or ".join(map(str, sorted({of[name] for of in conditions}))) for name in STATED}
    parts = [f"Data convention: {stated['convention']}", f"likelihood: {stated['likelihood']}"]
    if "nll" in members(table):
        measured = f"{stated['importance_samples']} importance samples, {stated['importance_images']} evenly spaced"
        parts.append(f"NLL and effective sample size: K = {measured} test images")
    if of_geometry(table):
        assert geometry is not None
        parts += [
            f"{TENSORS[geometry['metric']]}, in float64, latents whitened by the codes' covariance in its active "
            "directions",
            f"{geometry['points']} evenly spaced test codes, as many prior samples, {geometry['pairs']} pairs of test "
            "images and their midpoints",
        ]
    return "; ".join([*parts, many, "mean ± half-width of the 95 % Student interval over seeds."])


def _of_agreement(pairs: int, seeds: str) -> str:
    return (
        f"{pairs} pairs of test images, the same for all flavours and seeds; latent: distance of the latent space, "
        "line: length of its straight line's image, geodesic: length of the shortest curve; seeds without distances, "
        "such as collapsed ones, and then pairs without one for some seed are left out; "
        f"{seeds}; variation: mean over pairs of the "
        "coefficient of variation over seeds; scale-free: of distances divided by their mean for the seed; "
        f"value ± half-width of the 95 % percentile bootstrap interval over pairs ({DRAWS} draws); "
        "t: paired test of the coefficients of variation, p: one-sided (Syrota et al. 2025)."
    )
