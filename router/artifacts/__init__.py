"""Which artifact decides: finding artifacts, putting one in use, going back, and following that while serving."""
