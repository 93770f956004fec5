r"""VAE of perceptual loss. Snell et al. 2017, https://arxiv.org/abs/1511.06409.

The distortion is not a likelihood, so its weight is free. Similarity lies in [0, 1]; against a rate of nats a weight of
1 per image would never pay for a latent and the KL would collapse. We count it per pixel, as the likelihoods are sums
over pixels: a pixel wholly unlike costs ``weight`` nats. Evaluation scores the images by the configured likelihood,
whose own parameters, if any, stay as they start.
"""

from vaebench.model.flavour import flavour
from vaebench.model.objectives.ssim import multiscale_ssim
from vaebench.model.parts.decoders import MeanDecoder
from vaebench.study.ranges import Positive


@flavour(decoder=MeanDecoder)
def msssim_vae(vae, x, *, weight: Positive = 1.0):
    r"""$w D\,(1 - \mathrm{MSSSIM}(x, \hat x(z))) + \mathrm{KL}(q(z|x) \| p(z))$ for images of $D$ pixels,
    where $\hat x$ is the decoder's mean."""
    draw = vae(x)
    pixels = draw.x[0].numel()
    return {"distortion": weight * pixels * (1 - multiscale_ssim(draw.x, draw.px.mean)), "rate": draw.kl}
