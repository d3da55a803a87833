"""Pages for people who come by: the front door, and what each problem means."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from campusg.api.problems import kinds


def home(request: HttpRequest) -> HttpResponse:
    """Where everything is."""
    return render(request, "api/home.html")


def problems(request: HttpRequest) -> HttpResponse:
    """Every type of problem."""
    return render(request, "api/problems.html", {"kinds": kinds().values()})


def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What a problem's `type` leads to (RFC 9457 §3.1.1)."""
    if code not in kinds():
        raise Http404("There is no such problem.")
    return render(request, "api/problem.html", {"kind": kinds()[code]})
