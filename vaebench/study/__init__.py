"""What is studied: configurations, the catalogue of what there is to choose from, ranges and names. No torch here."""
