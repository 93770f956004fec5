"""How alike codes of different seeds are."""

QUESTION = "seeds"
ANSWER = ("linear_cka",)
SUBJECT = "seeds"
