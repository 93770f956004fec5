"""Datasets: fetched (`download`), turned into one safetensors file (`prepare`) and read back (`dataset`)."""
