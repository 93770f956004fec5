r"""Families of $p(x|z)$: each maps a decoder's features (..., channels, height, width) to a distribution over images.

A file holds one class, named as the file, whose call returns a `torch.distributions.Distribution` with event shape
(channels, height, width), all constants kept; its keyword-only arguments are hyperparameters. ``features`` says how
many features it takes for each channel: they come channel by channel, (..., channels * features, height, width).
"""
