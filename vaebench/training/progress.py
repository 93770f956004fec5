"""How one run of a pack stands: its history, its best epoch, and whether it goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

Terms = dict[str, float]


@dataclass
class Progress:
    """Plain data that goes into a run's checkpoint.

    ``epoch`` counts those of the whole pack, ``trained`` the run's own, up to the one in which it ended.
    """

    epoch: int = 0
    trained: int = 0
    status: str = "running"
    best: float = math.inf
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def note(self, epoch: int, finite: bool, means: dict[str, Terms], always: bool, patience: int | None) -> bool:
        """Take in an epoch, and return whether its weights are the best so far, as with ``always`` they are.

        ``means`` are each split's terms, over images, in nats. A run whose losses are not ``finite``, or whose
        validation is not, has diverged; one that was not the best for ``patience`` epochs stops.
        """
        self.epoch = epoch
        if self.status != "running":
            return False
        self.trained = epoch
        if not finite:
            self.status = "diverged"
            return False
        self.history += [
            {"epoch": epoch, "split": split, "term": name, "value": value}
            for split, terms in means.items()
            for name, value in terms.items()
        ]
        score = means["validation"].get("total", 0.0)
        if not math.isfinite(score):
            self.status = "diverged"
        elif score < self.best or always:
            self.best, self.best_epoch = score, epoch
            return True
        elif patience is not None and epoch - self.best_epoch >= patience:
            self.status = "stopped"
        return False
