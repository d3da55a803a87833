"""The test suite: the same code on embedded servers, with shorter waits."""

from campusg.settings.base import *  # noqa: F403

SECRET_KEY = "test-only-and-protects-nothing-0123456789abcdef"
CAMPUSG_ENV = "test"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
