"""People: edited here, except for what gives power, which only a superuser hands out."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db import models
from django.http import HttpRequest

from campusg.admin import Seen
from users.models import PayoutAccount, Role, SavedCard, User

POWERS = ("roles", "is_staff", "is_superuser", "groups", "user_permissions")


class SavedCardInline(Seen):
    model = SavedCard
    fields: ClassVar[Any] = [
        "brand", "last4", "exp_month", "exp_year", "stripe_customer_id", "payment_method_id",
    ]  # fmt: skip


class PayoutAccountInline(Seen):
    model = PayoutAccount
    fields: ClassVar[Any] = [
        "stripe_account_id", "transfers", "disabled_reason", "gone_at", "checked_at",
    ]  # fmt: skip


@admin.register(User)
class PersonAdmin(UserAdmin):
    list_display = ("username", "email", "roles", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff", "groups")
    search_help_text = "Part of a name or an e-mail address."
    date_hierarchy = "date_joined"
    show_full_result_count = False
    inlines = (SavedCardInline, PayoutAccountInline)
    fieldsets = (
        *(UserAdmin.fieldsets or ())[:2],
        ("Reached at", {"fields": ("phone",)}),
        ("What they may do", {"fields": ("is_active", *POWERS)}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "roles", "usable_password", "password1",
                           "password2")}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        powers = () if request.user.is_superuser else POWERS
        return (*powers, "last_login", "date_joined")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever is not a superuser can't change staff, or they could take over their accounts."""
        if obj is not None and obj.is_staff and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Orders name their people for ever: deactivate instead."""
        return False

    def get_inlines(self, request: HttpRequest, obj: Any) -> tuple[Any, ...]:
        return self.inlines if obj else ()

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "roles":
            return forms.MultipleChoiceField(
                choices=Role.choices, required=False, widget=forms.CheckboxSelectMultiple
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)
