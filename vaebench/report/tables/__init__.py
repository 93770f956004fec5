"""Tables for people: summaries laid out by block and family, and written in the forms of `forms`."""
