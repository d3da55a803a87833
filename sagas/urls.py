"""Where runs are."""

from django.urls import path

from sagas import streams, views

urlpatterns = [
    path("sagas", views.Runs.as_view(), name="sagas"),
    path("sagas/<uuid:pk>", views.OneRun.as_view(), name="saga"),
    path("sagas/<uuid:pk>/stream", streams.RunStream.as_view(), name="saga-stream"),
    path("sagas/<uuid:pk>/cancel", views.CancelRun.as_view(), name="cancel-saga"),
]
