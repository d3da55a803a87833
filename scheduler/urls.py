"""Where due events are."""

from django.urls import path

from scheduler import views

urlpatterns = [path("events", views.DueEvents.as_view(), name="events")]
