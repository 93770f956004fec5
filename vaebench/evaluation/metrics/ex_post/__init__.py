"""How probable a few test images are of models without a prior, under a density that is fitted to codes afterwards."""

QUESTION = "likelihood"
SUBJECT = "ex_post"
HEADLINE = ("ex_post_nll",)
