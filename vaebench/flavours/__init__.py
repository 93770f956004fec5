"""One file per flavour, named as the function in it; adding a file adds a flavour."""
