r"""VAE of perceptual loss. Snell et al. 2017, https://arxiv.org/abs/1511.06409.

The distortion is not a likelihood, so its weight is free. Similarity lies in [0, 1]; against a rate of nats a weight of
1 per image would never pay for a latent and the KL would collapse. We count it per pixel, as the likelihoods are sums
over pixels: a pixel wholly unlike costs ``weight`` nats. Images are compared before binarisation, of whose noise
similarity would be the measure. Evaluation scores them by a study's Gaussian likelihood, whose scale, if learned, is
fitted after training. A likelihood of probabilities, such as that of bits, has none: images of most similarity have the
contrast of the original, where a mean given the latents has less, so that as probabilities they are far too sure of
themselves (on MNIST an ELBO 160 nats below that of the mean image).
"""

from vaebench.errors import VaebenchError
from vaebench.model.flavour import flavour
from vaebench.model.objectives.ssim import multiscale_ssim
from vaebench.model.parts.decoders import MeanDecoder, fit_scale
from vaebench.study.ranges import Positive


class SimilarDecoder(MeanDecoder):
    """A decoder whose images are near the original, but not its mean given the latents."""

    def __init__(self, design) -> None:
        super().__init__(design)
        if not self.own_likelihood and not getattr(self.likelihood, "one_scale", False):
            name = type(self.likelihood).__name__
            self.own_likelihood = f"it trains images to be similar, not to be the means that a '{name}' likelihood has"


@flavour(decoder=SimilarDecoder)
def msssim_vae(vae, x, *, weight: Positive = 1.0, grey):
    r"""$w D\,(1 - \mathrm{MSSSIM}(g, \hat x(z))) + \mathrm{KL}(q(z|x) \| p(z))$ for images $g$ of $D$ pixels,
    observed as $x$, where $\hat x$ is the decoder's mean."""
    draw = vae(x)
    return {"distortion": weight * draw.pixels * (1 - multiscale_ssim(grey, draw.px.mean)), "rate": draw.kl}


msssim_vae.finish(fit_scale)


@msssim_vae.begin
def start(vae, images) -> None:
    """Raises `VaebenchError` for a table, whose features have no structure to be similar in."""
    if images.shape[-2:] == (1, 1):
        raise VaebenchError("flavour 'msssim_vae' compares images, these data are a table: leave it out")
