"""Where accounts and tokens are."""

from django.urls import path

from users import views

urlpatterns = [
    path("token", views.Token.as_view(), name="token"),
    path("token/refresh", views.RefreshToken.as_view(), name="token-refresh"),
    path("users/<uuid:pk>", views.OneUser.as_view(), name="user"),
    path("users/<uuid:pk>/payout-account", views.OnePayoutAccount.as_view(), name="payout-account"),
]
