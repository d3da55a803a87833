"""Every URL of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from campusg.api import pages
from campusg.api.health import healthz, readyz
from campusg.api.views import NoSuchPath, Root
from orders.page import order_page
from orders.selectors import visible_to
from payments import gateway
from scheduler.views import CancelEvent, DueEvents, Schedule
from users.views import CardSetup, OnboardingLink, PaymentMethod, counted

api: list[URLPattern | URLResolver] = [
    path("", Root.as_view(), name="api-root"),
    path("", include("users.urls")),
    path("", include("orders.urls")),
    path("", include("sagas.urls")),
    path("", include("payments.urls")),
    path("", include("escrow.urls")),
    path("", include("notifications.urls")),
    path(
        "users/<uuid:pk>/payment-method",
        PaymentMethod.as_view(cards=gateway),
        name="payment-method",
    ),
    path(
        "users/<uuid:pk>/payment-method/setup",
        CardSetup.as_view(cards=gateway),
        name="card-setup",
    ),
    path(
        "users/<uuid:pk>/payout-account/onboarding-link",
        OnboardingLink.as_view(accounts=gateway),
        name="onboarding-link",
    ),
    path("events", DueEvents.as_view(entities_of=visible_to), name="events"),
    path("events/<uuid:pk>/cancel", CancelEvent.as_view(), name="cancel-event"),
    path("schedule", Schedule.as_view(), name="schedule"),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    re_path(".*", NoSuchPath.as_view()),
]

urlpatterns = [
    path("", pages.home, name="home"),
    path("problems", pages.problems, name="problems"),
    path("problems/<slug:code>", pages.problem, name="problem"),
    path("admin/login/", counted(admin.site.login)),
    path("admin/", admin.site.urls),
    path("accounts/", include("users.signin")),
    path("orders/<uuid:pk>/", order_page, name="order-page"),
    path("api/", include(api)),
    path("healthz", healthz),
    path("readyz", readyz),
]

handler400 = "campusg.api.errors.bad_request"
handler404 = "campusg.api.errors.not_found"
handler500 = "campusg.api.errors.server_error"
