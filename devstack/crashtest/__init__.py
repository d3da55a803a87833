"""`manage.py saga_crashtest`: let a process die at every point of every saga, and look what became
of the money."""
