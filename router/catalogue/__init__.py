"""What models can take: the operator's own words, a table of model families, and the windows of the price list."""

from router.catalogue.abilities import ABILITIES, UNKNOWN, Abilities, Ability, narrowest
from router.catalogue.catalogue import Catalogue

__all__ = ["ABILITIES", "UNKNOWN", "Abilities", "Ability", "Catalogue", "narrowest"]
