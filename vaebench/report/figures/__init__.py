"""Figures in one visual language (`style`): a folder is a kind of them, a file a figure, named as the function in it.

A kind's literals say what `vaebench.report.figures.draw.draw` gives its figures, before the palette. ``SCOPE`` is
"study" (one figure) or "block" (one for each dataset, architecture and latent size, with ``LATENT``: of that size
alone). ``INPUTS`` are names of tables of the study (``summary``, ``history`` with ``compute``, ``agreement``) or of the
block's cells (``distances``), as frames, and of the cells' arrays (``gallery``, ``geometry``), as {flavour: arrays}.
"""
