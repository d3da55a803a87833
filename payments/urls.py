"""Where payments are."""

from django.urls import path

from payments import views

urlpatterns = [
    path("payments", views.Payments.as_view(), name="payments"),
    path("payments/<uuid:pk>", views.OnePayment.as_view(), name="payment"),
    path("payments/authorize", views.Authorize.as_view(), name="authorize-payment"),
    path("payments/release", views.Release.as_view(), name="release-payment"),
    path("payments/capture", views.Capture.as_view(), name="capture-payment"),
]
