"""Metrics of a latent space: each a file, whose first line says in tables what it is.

The function of the file's name takes a `vaebench.evaluation.survey.survey.Survey` and returns the
`vaebench.geometry.metrics.MetricTensor` in the coordinates of its manifold. It raises `vaebench.errors.Missing`.
"""
