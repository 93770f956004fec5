"""What flavours are made of: three conditional distributions, parts that build them, the mathematics of losses."""
