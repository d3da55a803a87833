"""Where runs are."""

from django.urls import path

from sagas import manual_views, streams, views

urlpatterns = [
    path("approvals", manual_views.Approvals.as_view(), name="approvals"),
    path("sagas", views.Runs.as_view(), name="sagas"),
    path("sagas/<uuid:pk>", views.OneRun.as_view(), name="saga"),
    path("sagas/<uuid:pk>/stream", streams.RunStream.as_view(), name="saga-stream"),
    path("sagas/<uuid:pk>/cancel", views.CancelRun.as_view(), name="cancel-saga"),
]
