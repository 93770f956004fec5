"""Peak signal-to-noise ratio of reconstructions."""

from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric


@metric(unit="dB", better="higher", needs=("images",))
def psnr(subject) -> Tensor:
    r"""$-10 \log_{10} \mathrm{MSE}$ of each image against grey pixels in [0, 1]; mean over the test set."""
    exact = int((subject.squared_errors == 0).sum())
    if exact:
        raise Missing(f"it is infinite: {exact} of {len(subject.grey)} images are reconstructed exactly")
    return -10 * subject.squared_errors.log10()
