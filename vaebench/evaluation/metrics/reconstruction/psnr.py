"""Peak signal-to-noise ratio of reconstructions."""

from vaebench.evaluation.metric import metric


@metric(unit="dB", better="higher")
def psnr(subject) -> float:
    r"""$-10 \log_{10} \mathrm{MSE}$ of each image against grey pixels in [0, 1]; mean over the test set."""
    errors = (subject.reconstructions - subject.grey).double().square().flatten(1).mean(1)
    return float((-10 * errors.log10()).mean())
