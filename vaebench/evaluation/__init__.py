"""From trained runs to tidy rows: what is measured, and everything that is measured."""
