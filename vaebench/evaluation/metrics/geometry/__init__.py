"""What the decoder's pull-back metric is like."""

QUESTION = "geometry"
ANSWER = ("log_condition",)
SUBJECT = "survey"
PARTS = {
    "magnification and condition": ("log_magnification", "log_condition"),
    "rank and flatness": ("active_directions", "effective_rank", "flatness"),
    "agreement with a learned metric": ("learned_agreement",),
}
