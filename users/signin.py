"""Where people sign in to the browsable API; REST framework's templates want this namespace."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from users.views import counted

app_name = "rest_framework"
sign_in = LoginView.as_view(template_name="rest_framework/login.html", next_page="api-root")
urlpatterns = [
    path("login", counted(sign_in), name="login"),
    path("logout", LogoutView.as_view(next_page="api-root"), name="logout"),
]
