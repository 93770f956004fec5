"""One class per file, named as the file: what a configuration's ``samplers`` choose from.

Keyword-only arguments of a class are its hyperparameters. ``needs`` names what it needs of a flavour (keys of
`vaebench.model.abilities.REASONS`).
"""
