"""What samples add to few labelled images."""

QUESTION = "generation"
SUBJECT = "augmentation"
HEADLINE = ("augmented_accuracy",)
