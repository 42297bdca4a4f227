"""What fetches rows from outside into the lake."""
