"""Due events over HTTP, to look at."""

from django.db.models import QuerySet
from rest_framework import generics

from campusg.api.permissions import sees_all
from orders.selectors import visible_to
from scheduler.models import ScheduledEvent
from scheduler.serializers import DueEventSerializer


class DueEvents(generics.ListAPIView):
    """What is due or was, newest first."""

    serializer_class = DueEventSerializer

    def get_queryset(self) -> QuerySet[ScheduledEvent]:
        """Operators and services see every event, others those about orders that they see."""
        user, events = self.request.user, ScheduledEvent.objects.all()
        if sees_all(user):
            return events
        return events.filter(entity_id__in=visible_to(user).order_by().values("pk"))
