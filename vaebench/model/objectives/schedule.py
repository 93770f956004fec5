"""How weights and temperatures move over training."""


def ramp(progress: float, warmup: float) -> float:
    """Linear from 0 to 1 over the first ``warmup`` of [0, 1], then 1; without warm-up always 1."""
    return progress / warmup if progress < warmup else 1.0


def cooled(hot: float, cold: float, progress: float) -> float:
    """A temperature that falls exponentially from ``hot`` to ``cold`` over training."""
    return hot * (cold / hot) ** progress
