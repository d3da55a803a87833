"""Where orders and restaurants are."""

from django.urls import path

from orders import acting, streams, views

urlpatterns = [
    path("orders", views.Orders.as_view(), name="orders"),
    path("orders/available", views.OpenOrders.as_view(), name="open-orders"),
    path("me/history", views.History.as_view(), name="history"),
    path("orders/<uuid:pk>", views.OneOrder.as_view(), name="order"),
    path("orders/<uuid:pk>/stream", streams.OrderStream.as_view(), name="order-stream"),
    path("orders/<uuid:pk>/pin", views.Pin.as_view(), name="pin"),
    path("orders/<uuid:pk>/status", acting.Progress.as_view(), name="progress"),
    path("orders/<uuid:pk>/accept", acting.Accept.as_view(), name="accept"),
    path("orders/<uuid:pk>/release", acting.Release.as_view(), name="release"),
    path("orders/<uuid:pk>/complete", acting.Complete.as_view(), name="complete"),
    path("orders/<uuid:pk>/cancel", acting.Cancel.as_view(), name="cancel"),
    path("orders/<uuid:pk>/refund", acting.Refund.as_view(), name="refund"),
    path("orders/<uuid:pk>/settle", acting.Settle.as_view(), name="settle"),
    path("orders/<uuid:pk>/rate", acting.Rate.as_view(), name="rate"),
    path("restaurants", views.Restaurants.as_view(), name="restaurants"),
    path("restaurants/<uuid:pk>", views.OneRestaurant.as_view(), name="restaurant"),
]
