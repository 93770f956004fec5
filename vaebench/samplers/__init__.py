"""Ways to draw latents from a trained model, each fitted to its codes of the training images; one file each."""
