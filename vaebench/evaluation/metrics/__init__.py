"""One file per metric, named as the function in it, in the folder of the table that shows it.

A folder's ``SUBJECT`` says what its metrics are given, a view of a trained run (`vaebench.evaluation.views`): "model"
(where it says nothing) before the test set, "representation" its codes and their classes, "samples" what a sampler
draws, "augmentation" what it draws of each class, "ex_post" the evidence under its law, "foreign" the test set of
another dataset, "survey" its latent geometry, "seeds" the codes of the cell's other seeds, "factors" codes and factors
of variation. All but the first two are measured where a configuration asks for them: by `samplers`,
`out_of_distribution`, `geometry`, several seeds, or data whose factors are known.

Its ``PARTS`` say what groups of its metrics ask (the parts of its table, "" for what needs no name) and their order;
metrics that none names stand behind them. Its ``HEADLINE`` names metrics in which the table holds the best sampler
against the prior; the first of them says which is the best. Its ``QUESTION`` is one of
`vaebench.report.questions`, which the first of its ``ANSWER`` that was measured answers by itself.
"""

ORDER = (
    "likelihood",
    "evidence",
    "ex_post",
    "surgery",
    "reconstruction",
    "generation",
    "augmentation",
    "latent",
    "representation",
    "stability",
    "disentanglement",
    "detection",
    "geometry",
    "curvature",
    "interpolation",
    "neighbourhood",
    "validity",
)
