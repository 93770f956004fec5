"""From tidy rows to what people read: summaries over seeds, tables, figures, provenance."""
