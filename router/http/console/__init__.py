"""The console: a page at ``/console`` for who runs the server, and what it reads and changes below ``/console/api``."""
