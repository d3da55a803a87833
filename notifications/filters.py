"""What the words need besides Django's own filters."""

from django import template

from campusg.money import formatted

register = template.Library()


@register.filter
def money(amount: int, currency: str) -> str:
    """Minor units as people read them: `{{ total|money:currency }}` is `10.99 USD`."""
    return formatted(amount, currency)
