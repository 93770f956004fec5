"""Readable names: `beta_vae_10` is "β-VAE 10" in every table and figure."""

from __future__ import annotations

from itertools import groupby

CONTROLS = "controls"  # the family of what frames the flavours
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "lambda": "λ", "sigma": "σ", "tau": "τ"}
WORDS = """
    ais ari aupr auroc bce bdmc cifar cka cnn dci dip elbo fid fpr fsq gan gp hrq iaf iid kde kid kl knn lpips
    maf mi mig mlp mmd mnist mse msssim nf nll nmi ood pca psnr sap ssim tc udr vamp vq
"""
ACRONYMS = frozenset(WORDS.split())
LONGEST = 5  # letters of an acronym of a kind of autoencoder, as MIWAE
PROPER = {"kendall": "Kendall's", "pareto": "Pareto", "w": "W", "spearman": "Spearman"}


def readable(label: str, family: str = "") -> str:
    """Name of a flavour, dataset or architecture; numbers at the end of a label are a value (``_0_5`` is 0.5).

    A flavour of the family `CONTROLS` is called what it is: "copy (control)".
    """
    if family == CONTROLS:
        return f"{label.replace('_', ' ')} (control)"
    pieces = []
    for is_number, words in groupby(label.split("_"), str.isdigit):
        if is_number:
            pieces.append(".".join(words))
        else:
            pieces.append("-".join(_word(word, word.capitalize()) for word in words))
    return " ".join(pieces)


def block_name(dataset: str, architecture: str, latent: int) -> str:
    """Name of a block of cells, as tables and pages head it: "MNIST, MLP, latent size 2"."""
    return f"{readable(dataset)}, {readable(architecture)}, latent size {latent}"


def metric_name(metric: str) -> str:
    """Name of a metric: ``effective_sample_size`` is "effective sample size", ``nll`` is "NLL"."""
    return " ".join(_word(word, word) for word in metric.split("_"))


def _word(word: str, plain: str) -> str:
    short = word in ACRONYMS or (word.endswith("ae") and len(word) <= LONGEST)
    return (GREEK | PROPER).get(word) or (word.upper() if short else plain)
