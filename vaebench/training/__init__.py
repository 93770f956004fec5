"""From a cell to trained runs on disk: the engine, the runs, the machine under them."""
