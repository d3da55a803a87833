"""The browsable API, whose forms carry an idempotency key so that they can simply be posted."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.serializers import BaseSerializer

from campusg.api.idempotency import FORM_FIELD, is_idempotent
from campusg.ids import new_id


class BrowsableRenderer(BrowsableAPIRenderer):
    """One key a page: whoever presses POST twice has asked once."""

    template = "api/page.html"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        """The page."""
        self._key = new_id().hex
        page: str = super().render(data, accepted_media_type, renderer_context)
        return page

    def render_form_for_serializer(self, serializer: BaseSerializer) -> SafeString | None:
        """The form, with a hidden key where the view wants one."""
        form: Any = super().render_form_for_serializer(serializer)
        view = self.renderer_context["view"]  # type: ignore[attr-defined]
        if form is None or not is_idempotent(view):
            return form  # type: ignore[no-any-return]
        hidden = '<input type="hidden" name="{}" value="{}">'
        keyed: SafeString = form + format_html(hidden, FORM_FIELD, self._key)
        return keyed

    def get_context(self, *args: Any) -> dict[str, Any]:
        """What the page shows, and the key for what its script sends."""
        return super().get_context(*args) | {"idempotency_key": self._key}
