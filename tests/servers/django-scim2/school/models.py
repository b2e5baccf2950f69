"""Users as django-scim2's documentation has them, with the type of a user, which its own adapter leaves out."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django_scim.models import AbstractSCIMUserMixin


class User(AbstractSCIMUserMixin, AbstractUser):
    """A user."""

    user_type = models.CharField(max_length=254, default="")

    @property
    def scim_groups(self):
        """The groups of the user."""
        return self.groups
