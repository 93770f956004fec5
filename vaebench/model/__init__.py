"""What flavours are made of: three conditional distributions, the parts that build them, and the mathematics of losses."""
