"""Where notifications are."""

from django.urls import path

from notifications import views

urlpatterns = [
    path("notifications", views.Inbox.as_view(), name="notifications"),
    path("notifications/read-all", views.ReadAll.as_view(), name="read-all-notifications"),
    path("notifications/<uuid:pk>/read", views.Read.as_view(), name="read-notification"),
    path("orders/<uuid:pk>/notifications", views.OfOrder.as_view(), name="order-notifications"),
    path(
        "orders/<uuid:pk>/notifications/latest",
        views.LatestOfOrder.as_view(),
        name="latest-notification",
    ),
]
