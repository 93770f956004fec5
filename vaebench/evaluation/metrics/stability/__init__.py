"""How alike codes of different seeds are."""

SUBJECT = "seeds"
