"""How probable test images are."""
