"""The commands of ``underdog``, one module each."""
