"""Where orders and restaurants are."""

from django.urls import path

from orders import views

urlpatterns = [
    path("orders", views.Orders.as_view(), name="orders"),
    path("orders/<uuid:pk>", views.OneOrder.as_view(), name="order"),
    path("restaurants", views.Restaurants.as_view(), name="restaurants"),
    path("restaurants/<uuid:pk>", views.OneRestaurant.as_view(), name="restaurant"),
]
