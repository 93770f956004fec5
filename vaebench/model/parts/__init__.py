"""The parts that flavours share, each built from a `design`: what the images, the latents and the networks are."""
