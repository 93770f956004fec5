"""Estimates of the evidence log p(x) that ask for no posterior: by quadrature, by enumeration, by annealing."""
