"""When predictions are acted on, and what is certified of the rows that are."""
