"""What samples add to few labelled images."""

SUBJECT = "augmentation"
