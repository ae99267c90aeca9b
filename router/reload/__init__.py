"""A running server follows the file of its settings: what may change does, what is wrong changes nothing."""
