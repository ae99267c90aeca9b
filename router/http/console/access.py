"""Who may use the console: who runs the server, and no holder of a key of the database."""

from __future__ import annotations

from collections.abc import Mapping

from router.http.auth import require_admin, require_operator, require_own_name, require_own_page
from router.http.services import Services
from router.principals import Principal


def watcher(services: Services, headers: Mapping[str, str]) -> Principal:
    """Who asks, and may look at everything.

    On a closed server that is who has the master key, or ``api_key``; on an open one, whoever reaches it by a name of
    this machine, from none but the server's own pages.

    Raises:
        Unauthenticated: the server is closed, and no key of its opens it.
        AdminOnly: it is a key of the database, whose holder sees its own figures elsewhere.
        Forbidden: the page, or the name by which the server was reached, may be another site's.
    """
    principal = services.doorman.admit(headers)
    require_operator(principal)
    require_own_name(principal, headers)
    require_own_page(principal, headers)
    return principal


def tuner(services: Services, headers: Mapping[str, str]) -> Principal:
    """Who asks, and may change something too: the master key alone, where there is one.

    Raises:
        AdminOnly: it is another key.
        Unauthenticated, Forbidden: as ``watcher``.
    """
    principal = watcher(services, headers)
    if services.settings.master_key is not None:
        require_admin(principal)
    return principal
