"""How near reconstructions are."""
