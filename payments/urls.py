"""Where payments are."""

from django.urls import path

from payments import views, webhook_views

urlpatterns = [
    path("payments", views.Payments.as_view(), name="payments"),
    path("payments/<uuid:pk>", views.OnePayment.as_view(), name="payment"),
    path("orders/<uuid:pk>/payment", views.PaymentOfOrder.as_view(), name="order-payment"),
    path("payments/authorize", views.Authorize.as_view(), name="authorize-payment"),
    path("payments/release", views.Release.as_view(), name="release-payment"),
    path("payments/capture", views.Capture.as_view(), name="capture-payment"),
    path("payments/repaid", views.Repaid.as_view(), name="repaid"),
    path("payments/disputed", views.Disputed.as_view(), name="disputed"),
    path("stripe/webhook", webhook_views.Webhook.as_view(), name="stripe-webhook"),
    path(
        "stripe/webhook/connect",
        webhook_views.ConnectWebhook.as_view(),
        name="stripe-connect-webhook",
    ),
]
