"""Share of the codebook that discrete latents use."""

from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, needs=("codes",))
def used_codes(subject) -> float:
    """Codes that are the likeliest of at least one test image; mean over the positions of a latent."""
    _, chosen = subject.codes
    return 100 * float(chosen.double().mean())
