"""What asking costs, by the price list of ``genai-prices`` as it was installed; nothing is fetched."""

from __future__ import annotations

from decimal import Decimal
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct

LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
BYTES_PER_TOKEN = 4
"""Of plain English under the tokenizers in use; other scripts take more bytes per token as well as more tokens."""

USUAL_ANSWER_TOKENS = 250
"""What an answer takes where nothing is known of it; chat models write 100 to 500 tokens."""


class Spent(Struct):
    """A running sum in US dollars; ``unpriced`` counts the answers whose price is not known and which it lacks."""

    usd: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, usd: Decimal | None) -> None:
        """Add the cost of one answer, None where it is not known."""
        if usd is None:
            self.unpriced += 1
        else:
            self.usd += usd

    def __str__(self) -> str:
        if not self.unpriced:
            return f"${self.usd:.4f}"
        return f"${self.usd:.4f} and {self.unpriced:,} answers of unknown price" if self.usd else "unknown"


def is_local(url: str) -> bool:
    """Whether ``url`` is on this machine or its network, where nobody sends a bill."""
    host = (urlsplit(url).hostname or "").lower()
    try:
        address = ip_address(host)
    except ValueError:  # a name without a dot is a container or a machine of the local network
        return "." not in host or host.endswith(LOCAL_ENDINGS)
    return address.is_loopback or address.is_private or address.is_link_local


def price(url: str, model: str, prompt_tokens: int | None, completion_tokens: int | None) -> Decimal | None:
    """What one answer costs.

    Args:
        url: the API's base URL; local ones cost nothing. One that the list does not know is priced as the model's own
            maker would, where the model's name tells the maker.
        model: the id that the provider knows.
        prompt_tokens: None where the server told none.
        completion_tokens: likewise.

    Returns:
        US dollars, or None where the list has no price or the tokens are not known: unknown is never zero.
    """
    if is_local(url):
        return Decimal(0)
    if prompt_tokens is None or completion_tokens is None:
        return None
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
    for provider_url in (url, None):
        try:
            return calc_price(usage, model, provider_api_url=provider_url).total_price
        except LookupError:
            continue
    return None


def tokens_in(text: str) -> int:
    """A rough count of tokens, for estimates before anything was asked."""
    return len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN + 1
