"""What codes tell."""

QUESTION = "codes"
ANSWER = ("logistic_probe",)
SUBJECT = "representation"
PARTS = {
    "probes": ("logistic_probe", "neighbour_probe", "few_label_probe"),
    "clusters and neighbours": (
        "cluster_ari", "cluster_nmi", "silhouette", "trustworthiness", "continuity", "intrinsic_dimension",
    ),
}  # fmt: skip
