"""Keys and teams: who may ask for what, and how much of it.

An operator's form says what a key or a team may do (``forms``); ``accounts`` makes, changes and ends them in the
database; ``ring`` holds all of them in memory, where the door asks for each request.
"""

from router.accounts.accounts import Accounts, Issued
from router.accounts.forms import KeyForm, TeamForm
from router.accounts.keys import Key, Team
from router.accounts.ring import Keyring, NoKeys, Ring

__all__ = ["Accounts", "Issued", "Key", "KeyForm", "Keyring", "NoKeys", "Ring", "Team", "TeamForm"]
