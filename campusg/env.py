"""The one reader of the environment; every name read here stands in `.env.example`."""

from environs import Env

env = Env()
