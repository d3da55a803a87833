"""Where escrow is."""

from django.urls import path

from escrow import views

urlpatterns = [
    path("escrow", views.Holds.as_view(), name="escrow"),
    path("escrow/<uuid:pk>", views.OneHold.as_view(), name="hold"),
]
