"""Where people sign in to the browsable API; REST framework's templates want this namespace."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from users.views import SignIn

app_name = "rest_framework"
urlpatterns = [
    path("login", SignIn.as_view(), name="login"),
    path("logout", LogoutView.as_view(next_page="api-root"), name="logout"),
]
