"""Where escrow is."""

from django.urls import path

from escrow import views

urlpatterns = [
    path("escrow", views.Holds.as_view(), name="escrow"),
    path("escrow/<uuid:pk>", views.OneHold.as_view(), name="hold"),
    path("escrow/hold", views.Set.as_view(), name="hold-escrow"),
    path("escrow/release", views.Release.as_view(), name="release-escrow"),
    path("escrow/cancel", views.Cancel.as_view(), name="cancel-escrow"),
]
