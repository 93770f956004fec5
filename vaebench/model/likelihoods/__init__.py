r"""Families of $p(x|z)$: each maps a decoder's features (..., channels, height, width) to a distribution over images.

A file holds one class, named as the file, whose call returns a `torch.distributions.Distribution` with event shape
(channels, height, width), all constants kept; its keyword-only arguments are hyperparameters. ``features`` says how
many features it takes for each channel: they come channel by channel, (..., channels * features, height, width).
A method ``begin`` starts a learned scale from all training images, without gradients; a method ``fit`` sets one that is
the same for every pixel to a mean squared error.
``takes`` says of which values it is a distribution: "bits" (0 and 1), "grey" ([0, 1]), "real"; without it, of any.
"""
