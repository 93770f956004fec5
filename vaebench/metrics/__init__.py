"""One file per metric, named as the function in it; adding a file adds the metric to every table."""
