"""How a weight grows over training."""


def ramp(progress: float, warmup: float) -> float:
    """Linear from 0 to 1 over the first ``warmup`` of [0, 1], then 1; without warm-up always 1."""
    return progress / warmup if progress < warmup else 1.0
