"""What django-scim2 leaves to each project: how its users look as SCIM."""

from django_scim.adapters import SCIMUser


class UserWithType(SCIMUser):
    """The package's own, and the type of a user."""

    ATTR_MAP = {**SCIMUser.ATTR_MAP, ("userType", None, None): "user_type"}  # noqa: RUF012 - the package's name

    def to_dict(self):
        """What is sent."""
        return {**super().to_dict(), "userType": self.obj.user_type}

    def from_dict(self, received):
        """Take what was received."""
        super().from_dict(received)
        self.obj.user_type = received.get("userType", "")
