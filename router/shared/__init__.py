"""What several servers share: one Redis or Valkey, and what becomes of it while that is away."""

from router.shared.link import Link

__all__ = ["Link"]
