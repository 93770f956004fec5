"""How codes separate factors of variation."""

QUESTION = "codes"
SUBJECT = "factors"
PARTS = {
    "scores by predictors and interventions": ("dci", "sap", "beta_vae_score", "factor_vae_score"),
    "scores by information": ("mig", "modularity"),
}
