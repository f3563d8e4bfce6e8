"""The two roots of every error of ours: can a retry help, and who must act."""


class EavesError(Exception):
    """A failure that this project foresaw; its text is written for a person."""


class Transient(EavesError):
    """The same call may succeed later; back off and try again."""


class Rejected(EavesError):
    """Trying again without a change cannot help; report it and move on."""
