"""A mixture of the posteriors of pseudo-inputs. Tomczak & Welling 2018, https://arxiv.org/abs/1705.07120, equation 9;
here the pseudo-inputs are training images, those most central in clusters of codes.
"""

from torch import Tensor

from vaebench import random
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler, choose, clusters
from vaebench.study.ranges import Count


class vamp(Sampler):
    r"""$\sum_k w_k\,q(z|u_k)$, where $w_k$ is the share of the images in the cluster of $u_k$."""

    needs = ("euclidean", "gaussian_posterior")
    weights: Tensor
    centres: Tensor
    deviations: Tensor

    def __init__(self, *, components: Count = 100) -> None:
        super().__init__()
        self.components = components

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        means = codes.means
        assert codes.log_std is not None
        which, central = clusters(means, self.components, random.key(seed, "pseudo-inputs"))
        shares = which.bincount(minlength=len(central)).to(means) / len(means)
        self.keep(weights=shares, centres=means[central], deviations=codes.log_std[central].exp())

    def sample(self, vae: VAE, count: int) -> Tensor:
        chosen = choose(self.weights, count)
        noise = random.normal((count, self.centres.shape[1]), self.centres)
        return self.centres[chosen] + self.deviations[chosen] * noise
