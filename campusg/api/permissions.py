"""Who may call what. Which rows somebody sees is decided by querysets: a foreign row is 404."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


def sees_all(user: Any) -> bool:
    """Operators and services see every row; an anonymous user sees none."""
    return bool(user.is_superuser or {"ops", "service"}.intersection(getattr(user, "roles", ())))


class HasRole(BasePermission):
    """A view's `roles` says, by HTTP method, which roles may call it; others: any account."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """One of the wanted roles is enough."""
        wanted = getattr(view, "roles", {}).get(request.method)
        if wanted is None:
            return True
        self.message = f"This needs the role {' or '.join(wanted)}."
        return not set(wanted).isdisjoint(getattr(request.user, "roles", ()))
