"""A Dask cluster as the workplace of a run: its workers encode prompts and grow trees, all else stays here.

Dask's own wire format is pickle: whoever can reach a scheduler can run code on its workers, and here. A cluster is
therefore trusted as a whole, and belongs on a private network or behind TLS. Artifacts are written by this process
alone, in the usual formats. The parts import Dask when they are imported, so nothing but ``--dask`` imports them.
"""
