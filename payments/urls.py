"""Where payments are."""

from django.urls import path

from payments import views

urlpatterns = [
    path("payments", views.Payments.as_view(), name="payments"),
    path("payments/<uuid:pk>", views.OnePayment.as_view(), name="payment"),
]
