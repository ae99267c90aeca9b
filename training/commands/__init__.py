"""The commands of ``train-router``, one module each; every module has ``command``."""
