"""Whether this server is alone or one of several, and the parts that differ by it."""

from router.replicas.alone import Alone, Replicas
from router.replicas.choose import replicas_of

__all__ = ["Alone", "Replicas", "replicas_of"]
