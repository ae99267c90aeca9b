"""What the server says on standard error: as text for people, or as lines of JSON for what collects them."""

from router.logs.context import REQUEST_ID
from router.logs.json_lines import JsonLines
from router.logs.setup import set_level, set_up

__all__ = ["REQUEST_ID", "JsonLines", "set_level", "set_up"]
