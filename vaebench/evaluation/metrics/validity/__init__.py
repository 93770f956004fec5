"""What distances tell of images, beside that seeds agree on them."""

QUESTION = "geometry"
SUBJECT = "survey"
