"""Whether memory holds what a test set is measured by, found out without it."""

from __future__ import annotations

from vaebench import memory
from vaebench.study.config import Evaluation

WEIGHT = 12  # bytes of an importance weight, and of what tells whether it is finite
LEVEL = 600  # bytes of a temperature, and of the step size of each image at it
STEP = 4


def check(evaluation: Evaluation, images: int) -> None:
    """Raise `VaebenchError` if memory does not hold the evaluation of a test set of so many images."""
    chosen = min(evaluation.importance_images, images)
    memory.hold(
        f"evaluation: importance_samples: {evaluation.importance_samples} of each of {chosen} images",
        WEIGHT * evaluation.importance_samples * chosen,
        "lower importance_samples or importance_images",
    )
    if evaluation.tier == "thorough":
        chosen = min(evaluation.evidence_images, images)
        memory.hold(
            f"evaluation: evidence_temperatures: {evaluation.evidence_temperatures} for {chosen} images",
            evaluation.evidence_temperatures * (LEVEL + STEP * chosen),
            "lower evidence_temperatures or evidence_images",
        )
