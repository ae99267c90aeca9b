"""A new pair of models without labels: from how strong the two are to how often the strong one wins."""
