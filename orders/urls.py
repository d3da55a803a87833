"""Where orders and restaurants are."""

from django.urls import path

from orders import views

urlpatterns = [
    path("orders", views.Orders.as_view(), name="orders"),
    path("orders/available", views.OpenOrders.as_view(), name="open-orders"),
    path("me/history", views.History.as_view(), name="history"),
    path("orders/<uuid:pk>", views.OneOrder.as_view(), name="order"),
    path("orders/<uuid:pk>/pin", views.Pin.as_view(), name="pin"),
    path("restaurants", views.Restaurants.as_view(), name="restaurants"),
    path("restaurants/<uuid:pk>", views.OneRestaurant.as_view(), name="restaurant"),
]
